"""The operators' pages in the admin."""

from . import switches

__all__ = ["switches"]
