"""Extras, built as a user of the package would build them: on its public primitives alone."""
