"""The harm of a stranger to others: `python -m benchmarks.stranger [ATTACK...] [--store sqlite|postgres]`.

One uvicorn process, limits at their defaults, on SQLite and, where POSTGRES names one, on PostgreSQL. An honest client
calls once a second (a sync tool of an open endpoint, the same in a session, a closed endpoint that answers 401), on a
new connection each, while one attack after the other runs. The program fails when an answer to it was wrong or later
than a second, when the server's memory does not come back, or when it had more connections to PostgreSQL than threads
and some. Flags relax these for a machine that is busy with other things; the processor time of the server is beside
them, for an idle one. Linux only. Takes about ten minutes.

The memory is what the process holds, with two arenas of the allocator: with more, what is free is kept in the pools of
threads that have gone. "After" is the least while the server rests, compared with a server that has done each attack
for a moment already: modules, caches and threads are no attack's.
"""

import argparse
import asyncio
import contextlib
import json
import os
import resource
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

from .attacked.settings import MCP_THREADS
from .attacks import ATTACKS
from .serve import databases, pick_cores
from .servers import ROOT, UVICORN, Server, Serving, pinned
from .streams import memory_kib
from .tables import print_table
from .wires import call, exchange, modern, open_session

KINDS = ("tool", "session", "401")
WARM_UP_SECONDS = 1.0
PATIENCE_SECONDS = 20.0
"""An honest call that takes longer is given up."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """The bounds that the package promises."""

    latency_seconds: float
    grown_mib: float
    connections: int


@dataclass(slots=True)
class Watched:
    """The measures of a server during one attack, and after it."""

    attack: str
    worst: dict[str, float] = field(default_factory=lambda: dict.fromkeys(KINDS, 0.0))
    wrong: list[str] = field(default_factory=list)
    peak_mib: float = 0.0
    after_mib: float = 0.0
    connections: int = 0
    cpu_seconds: float = 0.0
    answers: str = ""

    def faults(self, bounds: Bounds, before_mib: float) -> Iterator[str]:
        for kind, seconds in self.worst.items():
            if seconds > bounds.latency_seconds:
                yield f"{self.attack}: the honest client's {kind} took {seconds:.1f} s"
        if self.after_mib - before_mib > bounds.grown_mib:
            yield f"{self.attack}: memory grew by {self.after_mib - before_mib:.0f} MiB"
        if self.connections > bounds.connections:
            yield f"{self.attack}: {self.connections} connections to PostgreSQL"
        yield from (f"{self.attack}: the honest client got {wrong}" for wrong in self.wrong)


class Honest:
    """The client that calls once a second, and minds how long each answer takes."""

    def __init__(self, port: int, session: dict[str, str]) -> None:
        body, headers = modern("tools/call", {"name": "add", "arguments": {"a": 2, "b": 3}}, "add")
        self._port = port
        self._session = session
        self._asks = {"tool": ("/mcp", body, headers), "401": ("/closed", body, headers)}
        self._count = 0

    async def call_once_a_second(self, watched: Watched) -> None:
        async with asyncio.TaskGroup() as calls:
            while True:
                self._count += 1
                for kind in KINDS:
                    calls.create_task(self._call(kind, watched))
                await asyncio.sleep(1)

    async def _call(self, kind: str, watched: Watched) -> None:
        ask = self._asks.get(kind) or ("/mcp", call("add", self._count, a=2, b=3), self._session)
        began = time.monotonic()
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                answer = await exchange(self._port, *ask)
        except (TimeoutError, OSError) as error:
            watched.wrong.append(f"{type(error).__name__} for {kind}")
        else:
            right = answer.status == 401 if kind == "401" else answer.status == 200 and b'"5"' in answer.body
            if not right:
                watched.wrong.append(f"{answer.status} {answer.body[:200]!r} for {kind}")
        watched.worst[kind] = max(watched.worst[kind], time.monotonic() - began)


class Site:
    """The attacked server, and what can be seen of it from outside."""

    def __init__(self, serving: Serving, database: str, issuer_port: int, core: int | None) -> None:
        self.serving = serving
        self._issuer_port = issuer_port
        self._core = core
        self._database = _connect(database) if database.startswith("postgres") else None

    def memory_mib(self) -> float:
        return memory_kib(self.serving.pid) / 1024

    def connections(self) -> int:
        """Those that the server has to its PostgreSQL database, our own apart."""
        if self._database is None:
            return 0
        row = self._database.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ).fetchone()
        return int(row[0])

    async def attack(self, name: str, seconds: float) -> str:
        """Runs an attack to its end; how often each status was the answer."""
        command = [*pinned(self._core), sys.executable, "-m", "benchmarks.attacks"]
        process = await asyncio.create_subprocess_exec(
            *(*command, name, str(self.serving.port), str(seconds), str(self._issuer_port)),
            cwd=ROOT,
            stdout=subprocess.PIPE,
        )
        output, _ = await process.communicate()
        if process.returncode:
            raise SystemExit(f"the attack {name} failed")
        seen = Counter(json.loads(output.splitlines()[-1]))
        return " ".join(f"{status}*{count}" for status, count in seen.most_common())

    @contextlib.asynccontextmanager
    async def watch(self, watched: Watched) -> AsyncIterator[None]:
        """Keeps the most memory and connections of a while."""

        async def look() -> None:
            while True:
                watched.peak_mib = max(watched.peak_mib, self.memory_mib())
                watched.connections = max(watched.connections, self.connections())
                await asyncio.sleep(0.2)

        task = asyncio.create_task(look())
        try:
            yield
        finally:
            task.cancel()


def _connect(database: str) -> "psycopg.Connection":  # type: ignore[name-defined] # noqa: F821
    import psycopg

    return psycopg.connect(database, autocommit=True)


async def measure(site: Site, names: list[str], options: argparse.Namespace) -> tuple[float, list[Watched]]:
    """The memory of a server that is warm, and what each attack did."""
    honest = Honest(site.serving.port, await open_session(site.serving.port, "/mcp"))
    for name in names:
        print(f"warming up: {name}", flush=True)
        await site.attack(name, WARM_UP_SECONDS)
    before = await rest(site, 0, options.warm_seconds)
    found = []
    for name in names:
        print(name, flush=True)
        found.append(await attacked(site, honest, name, before, options))
    return before, found


async def attacked(site: Site, honest: Honest, name: str, before: float, options: argparse.Namespace) -> Watched:
    watched = Watched(name)
    calling = asyncio.create_task(honest.call_once_a_second(watched))
    try:
        used = site.serving.cpu_seconds() or 0
        async with site.watch(watched):
            watched.answers = await site.attack(name, options.seconds)
        watched.cpu_seconds = (site.serving.cpu_seconds() or 0) - used
        watched.after_mib = await rest(site, before + options.grown_mib, options.rest_seconds)
    finally:
        calling.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await calling
    return watched


async def rest(site: Site, enough: float, seconds: float) -> float:
    """The least memory of a server that nobody attacks, within a time or until it is little enough."""
    deadline = time.monotonic() + seconds
    least = site.memory_mib()
    while time.monotonic() < deadline and least > enough:
        await asyncio.sleep(0.5)
        least = min(least, site.memory_mib())
    return least


def report(store: str, before: float, found: list[Watched]) -> None:
    print(f"\n{store}, {before:.0f} MiB before: the honest client's worst answers in milliseconds, memory in MiB")
    rows = [["attack", *KINDS, "peak", "after", "connections", "CPU s", "answers to the attack"]]
    for one in found:
        worst = [f"{one.worst[kind] * 1000:.0f}" for kind in KINDS]
        memory = [f"{one.peak_mib:.0f}", f"{one.after_mib:.0f}"]
        connections = str(one.connections) if one.connections else "-"
        rows.append([one.attack, *worst, *memory, connections, f"{one.cpu_seconds:.1f}", one.answers])
    print_table(rows)


def run(store: str, database: str, names: list[str], options: argparse.Namespace) -> list[str]:
    """The promises that were broken on one database."""
    server_core, own_core = pick_cores()
    with socket.create_server(("127.0.0.1", 0), backlog=128) as issuer:
        port = issuer.getsockname()[1]
        environ = {
            "DATABASE_URL": database,
            "DEBUG": "0",
            "DJANGO_SETTINGS_MODULE": "benchmarks.attacked.settings",
            "ATTACKED_ISSUER_PORT": str(port),
            "MALLOC_ARENA_MAX": "2",
        }
        command = (*UVICORN, "benchmarks.attacked.asgi:application", "--port", "{port}")
        server = Server(f"attacked on {store}", command, environ, migrate=("manage.py", "migrate", "--verbosity", "0"))
        with server.serving(server_core) as serving:
            before, found = asyncio.run(measure(Site(serving, database, port, own_core), names, options))
    report(store, before, found)
    bounds = Bounds(options.latency_seconds, options.grown_mib, MCP_THREADS + options.extra_connections)
    return [f"{store}, {fault}" for one in found for fault in one.faults(bounds, before)]


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="What a stranger can do to others.")
    parser.add_argument("attack", nargs="*", help=f"{', '.join(ATTACKS)}; all by default")
    parser.add_argument("--seconds", type=float, default=8, help="that each attack lasts")
    parser.add_argument("--store", choices=("sqlite", "postgres"), help="both by default")
    parser.add_argument("--latency-seconds", type=float, default=1, help="in which the honest client is answered")
    parser.add_argument("--grown-mib", type=float, default=50, help="that the memory may have grown by in the end")
    parser.add_argument("--extra-connections", type=int, default=8, help="to PostgreSQL, beyond the threads")
    parser.add_argument("--warm-seconds", type=float, default=20, help="that the server rests before the attacks")
    parser.add_argument("--rest-seconds", type=float, default=90, help="in which the memory has to come back")
    return parser.parse_args()


def main() -> None:
    options = parse()
    print(f"{os.cpu_count()} cores, of which {os.getloadavg()[0]:.1f} were wanted by others in the last minute")
    names = [name for name in ATTACKS if not options.attack or name in options.attack]
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    faults: list[str] = []
    with databases() as (sqlite, _, postgres):
        if options.store != "postgres":
            faults += run("SQLite", f"sqlite:///{sqlite}", names, options)
        if options.store != "sqlite" and postgres is not None:
            faults += run("PostgreSQL", postgres, names, options)
    if faults:
        raise SystemExit("\n" + "\n".join(faults))
    print("\nEvery promise was kept.")


if __name__ == "__main__":
    os.environ.setdefault("SECRET_KEY", "unused")
    main()
