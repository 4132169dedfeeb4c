"""Extras, built on the package's public primitives alone, as a project could build them."""
