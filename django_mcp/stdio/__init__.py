"""The stdio carrier: the same server for a client on this machine, which starts the process and owns its pipes.

Each message takes the way of a request to the ASGI lane, inside this process, so that every rule of an endpoint holds
here too: permissions, throttles, sessions as rows, streams, both eras. This package contains no rules of the protocol.
"""

import asyncio
import signal
from contextlib import suppress

from django_mcp.asgi.stream import close_all

from .connection import Connection
from .endpoint import LocalEndpoint
from .lines import LineWriter, incoming

GRACE_SECONDS = 1
"""How long running calls may go on after the client has closed its end. The official clients kill after two seconds."""


async def serve(endpoint: LocalEndpoint, reading: int, writing: int) -> bool:
    """Serves the client at the other end of two file descriptors, until it closes its end, the process is told to stop,
    or the session is gone. Returns whether it was the session that ended.
    """
    writer = LineWriter(writing)
    connection = Connection(endpoint, writer.write)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        with suppress(NotImplementedError, RuntimeError, ValueError):  # Windows, and threads other than the main one.
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
    is_at_end = asyncio.create_task(_read(connection, reading))
    reasons = [asyncio.create_task(event.wait()) for event in (stop, writer.is_broken, connection.is_over)]
    try:
        await asyncio.wait([is_at_end, *reasons], return_when=asyncio.FIRST_COMPLETED)
    finally:
        is_at_end.cancel()
        for reason in reasons:
            reason.cancel()
        if stop.is_set():
            close_all()
        await connection.end(0 if writer.is_broken.is_set() else GRACE_SECONDS)
        await writer.close()
    return connection.is_over.is_set()


async def _read(connection: Connection, reading: int) -> None:
    async for line in incoming(reading, connection.endpoint.limits):
        await connection.receive(line)
