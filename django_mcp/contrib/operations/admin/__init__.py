"""The operators' pages in the admin."""

from . import overview, reports, running, sessions, switches

__all__ = ["overview", "reports", "running", "sessions", "switches"]
