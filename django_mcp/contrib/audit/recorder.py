"""The observer of the audit."""

from django_mcp.conf import mcp_settings
from django_mcp.observers import ObservedCall, Observer, observe, stop_observing

from .rows import values_of
from .writer import note_loss, write, writer


class Recorder(Observer):
    """Writes each call that has ended: durable ones at once, others by the writer's thread."""

    def __init__(self, mode: str) -> None:
        self.blocks = mode == "durable"
        self.counts_queries = mcp_settings.AUDIT_QUERIES

    def finished(self, call: ObservedCall) -> None:
        try:
            values = values_of(call)
        except Exception as error:
            note_loss(1, repr(error))
            return
        if self.blocks:
            write([values])
        else:
            writer.add(values)


_recorders: list[Recorder] = []


def start() -> None:
    """Records calls from now on, as MCP_AUDIT says."""
    stop()
    if mcp_settings.AUDIT != "off":
        _recorders.append(Recorder(mcp_settings.AUDIT))
        observe(_recorders[0])


def stop() -> None:
    """Records no further calls."""
    while _recorders:
        stop_observing(_recorders.pop())
