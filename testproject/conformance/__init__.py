"""The server that the official conformance suite talks to."""
