"""The cost of open streams: `python -m benchmarks.streams [CASE...] [--streams 5000] [--database sqlite|postgres]`.

Each case is one server process on one core. So many sessions are opened, each with its GET stream, and nothing is said:
the memory that the server has then grown by, and the processor time that it takes to keep them. Then another process
says that a list changed, and every stream is told: how long until the first, the median and the last of them knows, and
what that cost. The official SDK's server keeps sessions in its own memory, so no other process can tell its clients
anything. Linux only. Takes about five minutes.
"""

import argparse
import asyncio
import contextlib
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from .serve import REDIS, databases, pick_cores
from .servers import HANDSHAKE, ROOT, UVICORN, Contestant, Server, Serving
from .tables import print_table

BUDGET_KIB = 30
WARM_UP = 200
"""Streams opened and closed before anything is measured: modules, caches and threads are no stream's."""

OPENING = 50
"""Streams that are opened at once."""

WAIT_SECONDS = 60
PUBLISH = """
import time
from testproject.bench.mcp import bench
began = time.monotonic()
bench.notify_tools_changed()
print(began)
"""

FORGET = "from django_mcp.models import Session; Session.objects.all().delete()"
"""Between two cases: a project has a limit of live sessions."""


@dataclass(frozen=True, slots=True)
class Case:
    """A server whose streams are measured. `tells` is the environment of a process that can tell them something."""

    name: str
    title: str
    contestant: Contestant
    tells: dict[str, str] | None


@dataclass(slots=True)
class Result:
    """`kib` and `cpu_percent` are of the idle streams, the rest is about what they were told; in seconds."""

    kib: float
    cpu_percent: float
    arrivals: list[float] = field(default_factory=list)
    told_cpu: float = 0


class Stream(asyncio.Protocol):
    """One session's GET stream, read as cheaply as may be."""

    def __init__(self, port: int, path: str, session_id: str) -> None:
        self._request = (
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: text/event-stream\r\n"
            f"MCP-Protocol-Version: {HANDSHAKE}\r\nMcp-Session-Id: {session_id}\r\n\r\n"
        ).encode()
        self._received = b""
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.told_at = 0.0
        self.ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        transport.write(self._request)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self._received = (self._received + data)[-4096:]
        if b"list_changed" in self._received and not self.told_at:
            self.told_at = time.monotonic()
        if not self.opened.done() and b"\r\n\r\n" in self._received:
            if self._received.startswith(b"HTTP/1.1 200"):
                self.opened.set_result(None)
            else:
                self.opened.set_exception(SystemExit(f"no stream: {self._received[:500]!r}"))

    def connection_lost(self, error: Exception | None) -> None:
        self.ended = True
        if not self.opened.done():
            self.opened.set_exception(SystemExit("the server closed a stream"))


def cases(database: str) -> tuple[Case, ...]:
    def ours(name: str, title: str, **environ: str) -> Case:
        environ = {"DATABASE_URL": database, "DEBUG": "0", **environ}
        command = (*UVICORN, "testproject.asgi:application", "--port", "{port}")
        server = Server(f"lane-{name}", command, environ, migrate=("manage.py", "migrate", "--verbosity", "0"))
        return Case(name, title, Contestant(title, server, "/bench/mcp", "handshake"), environ)

    sdk = Server("sdk", (*UVICORN, "official_sdk:app", "--port", "{port}"), {}, ("mcp==2.3.0", "uvicorn[standard]"))
    return (
        ours("none", "ours, no channel layer", CHANNEL_LAYER="none"),
        ours("memory", "ours, in-memory layer", CHANNEL_LAYER="memory"),
        ours("redis", "ours, Redis layer", CHANNEL_LAYER="redis", REDIS_URL=REDIS),
        ours("pubsub", "ours, Redis pub/sub layer", CHANNEL_LAYER="redis-pubsub", REDIS_URL=REDIS),
        Case("sdk", "official SDK, sessions in memory", Contestant("sdk", sdk, "/mcp", "handshake"), None),
    )


async def measure(case: Case, serving: Serving, count: int, idle_seconds: float) -> Result:
    for stream in await open_streams(case, serving, WARM_UP):
        stream.transport.abort()
    await settle(serving)
    before = memory_kib(serving.pid)
    streams = await open_streams(case, serving, count)
    await settle(serving)
    grown = memory_kib(serving.pid) - before
    spent = serving.cpu_seconds() or 0
    await asyncio.sleep(idle_seconds)
    idle = (serving.cpu_seconds() or 0) - spent
    result = Result(grown / count, 100 * idle / idle_seconds)
    if case.tells is not None:
        await tell(case.tells, serving, streams, result)
    if ended := sum(stream.ended for stream in streams):
        raise SystemExit(f"{case.title}: {ended} streams of {count} ended")
    for stream in streams:
        stream.transport.abort()
    return result


async def open_streams(case: Case, serving: Serving, count: int) -> list[Stream]:
    """Sessions with a stream each, some at once."""
    loop = asyncio.get_running_loop()
    gate = asyncio.Semaphore(OPENING)

    async def open_one() -> Stream:
        async with gate:
            session_id = await asyncio.to_thread(case.contestant.open, serving.port)
            _, stream = await loop.create_connection(
                lambda: Stream(serving.port, case.contestant.path, session_id), "127.0.0.1", serving.port
            )
            await asyncio.wait_for(stream.opened, WAIT_SECONDS)
            return stream

    return await asyncio.gather(*(open_one() for _ in range(count)))


async def settle(serving: Serving) -> None:
    """Waits until the server has hardly anything to do, or never will."""
    for _ in range(10):
        before = serving.cpu_seconds() or 0
        await asyncio.sleep(1)
        if (serving.cpu_seconds() or 0) - before < 0.1:
            return


async def tell(environ: dict[str, str], serving: Serving, streams: list[Stream], result: Result) -> None:
    """Says from another process that the list of tools changed, and waits until every stream has it."""
    before = serving.cpu_seconds() or 0
    publisher = await asyncio.create_subprocess_exec(
        *(sys.executable, "manage.py", "shell", "--verbosity", "0", "-c", PUBLISH),
        env={**os.environ, **environ},
        cwd=ROOT,
        stdout=subprocess.PIPE,
    )
    output, _ = await publisher.communicate()
    began = float(output.split()[-1])
    deadline = time.monotonic() + WAIT_SECONDS
    while not all(stream.told_at for stream in streams):
        if time.monotonic() > deadline:
            raise SystemExit(f"{sum(not stream.told_at for stream in streams)} streams were never told")
        await asyncio.sleep(0.05)
    result.arrivals = [stream.told_at - began for stream in streams]
    result.told_cpu = (serving.cpu_seconds() or 0) - before


def memory_kib(pid: int) -> int:
    """The resident memory of a process."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Rss:"))


def report(results: list[tuple[Case, Result]], count: int) -> None:
    rows = [["", "KiB/stream", "idle CPU %", "first s", "median s", "last s", "CPU us/stream"]]
    for case, result in results:
        arrivals = result.arrivals
        told = [min(arrivals), median(arrivals), max(arrivals)] if arrivals else []
        rows.append(
            [
                case.title,
                f"{result.kib:.1f}",
                f"{result.cpu_percent:.1f}",
                *([f"{seconds:.3f}" for seconds in told] or ["-", "-", "-"]),
                f"{result.told_cpu / count * 1e6:.0f}" if arrivals else "-",
            ]
        )
    print(f"\n{count:,} idle sessions with a stream each (budget: {BUDGET_KIB} KiB), then one broadcast to all of them")
    print_table(rows)


@contextlib.contextmanager
def open_files(count: int) -> Iterator[None]:
    """Lets this process and the servers that it starts have so many files open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(count, hard)), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def main() -> None:
    parser = argparse.ArgumentParser(description="Memory and processor time of streams, and of telling them all.")
    parser.add_argument("case", nargs="*", help="none, memory, redis, pubsub or sdk; all by default")
    parser.add_argument("--streams", type=int, default=5000)
    parser.add_argument("--database", choices=("postgres", "sqlite"), default="postgres")
    parser.add_argument("--idle-seconds", type=float, default=30, help="for which the idle streams are watched")
    options = parser.parse_args()
    results = []
    with databases() as (sqlite, _, postgres), open_files(options.streams + 1000):
        server_core, own_core = pick_cores()
        if own_core is not None:
            os.sched_setaffinity(0, {own_core})
        on_sqlite = postgres is None or options.database == "sqlite"
        print(f"on {'SQLite' if on_sqlite else 'PostgreSQL'}", flush=True)
        for case in cases(f"sqlite:///{sqlite}" if on_sqlite else postgres or ""):
            if not options.case or case.name in options.case:
                with case.contestant.server.serving(server_core) as serving:
                    result = asyncio.run(measure(case, serving, options.streams, options.idle_seconds))
                if case.tells is not None:
                    command = [sys.executable, "manage.py", "shell", "--verbosity", "0", "-c", FORGET]
                    subprocess.run(command, env={**os.environ, **case.tells}, cwd=ROOT, check=True)
                results.append((case, result))
    report(results, options.streams)


if __name__ == "__main__":
    main()
