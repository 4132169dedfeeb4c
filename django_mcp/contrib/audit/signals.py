"""The signal of the audit."""

from typing import Final

from django.dispatch import Signal

__all__: Final = ["call_recorded"]

call_recorded = Signal()
"""A call was written to the audit. Sent by `send_robust` after the row exists: with MCP_AUDIT "buffered" in the thread
of the writer, with "durable" in that of the request.

The sender is the model Call. Argument: `call`, an unsaved instance with the row's values; it has no primary key.
"""
