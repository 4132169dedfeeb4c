"""Carries out the commands of a test by a client library: a line of JSON each on stdin, and an answer each on stdout.

A driver calls `run(connect)`. `connect(url, heard)` is an async context manager; it yields an object with the methods
for which the library has calls: `tools`, `call`, `read`, `prompt`, and `count`, which calls the tool of that name and
gives the numbers that a handler of progress was told. A library with a handler of changes has `listens`, which makes
it hear, and the handler calls `heard`. This runs in the environment of the client, which has nothing of ours.
"""

import asyncio
import json
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any

MARK = "@@ "
"""Begins an answer: libraries print to stdout, too."""

Connect = Callable[[str, Callable[[], None]], AbstractAsyncContextManager[Any]]


def run(connect: Connect) -> None:
    asyncio.run(_Loop(connect).serve())


class _Loop:
    def __init__(self, connect: Connect) -> None:
        self.connect_to, self.stack, self.client = connect, AsyncExitStack(), None
        self.changes = asyncio.Event()

    async def serve(self) -> None:
        lines = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
        answer({"value": "ready"})
        while line := await lines.readline():
            answer(await self.obey(**json.loads(line)))

    async def obey(self, do: str, arguments: list[Any], seconds: float) -> dict[str, Any]:
        """The value or the error. All runs in one task, since clients must be left in the task that entered them."""
        try:
            async with asyncio.timeout(seconds):
                method = getattr(self, do, None) or getattr(self.client, do, None)
                return {"missing": True} if method is None else {"value": await method(*arguments)}
        except Exception as error:
            return {"error": in_words(error)}
        except asyncio.CancelledError as error:
            # A library cancels the task in which its connection has broken.
            task = asyncio.current_task()
            while task is not None and task.uncancel():
                pass
            return {"error": in_words(error)}

    async def connect(self, url: str) -> None:
        self.changes.clear()
        self.client = await self.stack.enter_async_context(self.connect_to(url, self.changes.set))

    async def close(self) -> None:
        stack, self.stack, self.client = self.stack, AsyncExitStack(), None
        await stack.aclose()

    async def hear(self) -> bool:
        """Waits for a change, for the time that the command has."""
        await self.changes.wait()
        self.changes.clear()
        return True


def in_words(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"


def answer(said: dict[str, Any]) -> None:
    sys.stdout.write(f"{MARK}{json.dumps(said, default=str)}\n")
    sys.stdout.flush()
