"""Throughput beside the peers: `python -m benchmarks.serve [CONTEST...] [--rounds 5] [--seconds 2]`.

Each server has one core, the load another. The contestants of a contest take turns, A B A B, so that what else the
machine does meets them alike: the ratio of a round is the result, and its spread over the rounds says how far to trust
it. PostgreSQL is the one that POSTGRES names, else its contestants are left out. Takes a quarter of an hour.
"""

import argparse
import contextlib
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Literal

import django

from . import load
from .asks import ARGUMENT, LIST, RESULT, ROW, ROW_ASYNC, STEPS, Ask, add
from .load import put_load
from .servers import GUNICORN, PLAIN_UVICORN, UVICORN, Contestant, Server, find_python
from .tables import print_table

POSTGRES = os.environ.get("POSTGRES", "postgres://postgres@127.0.0.1:5432")

REDIS = os.environ.get("REDIS", "redis://127.0.0.1:6379/0")

DJANGO = f"django=={django.__version__}"
MIGRATE = ("manage.py", "migrate", "--verbosity", "0")


@dataclass(frozen=True, slots=True)
class Contest:
    """Contestants side by side. The ratios are those of the first to each."""

    name: str
    title: str
    contestants: tuple[Contestant, ...]


@dataclass(slots=True)
class Score:
    """The figures of one contestant, one for each round. `cpu` is the processor time of a call in microseconds."""

    per_second: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    latency_ms: list[float] = field(default_factory=list)


SDK = ("mcp==2.3.0", "uvicorn[standard]")
FASTMCP = ("fastmcp==4.2.3", "uvicorn[standard]")
BOLT = ("bolt-mcp==0.2.3",)
BOLT_PYTHON = "3.12"
CROWD = 400
"""How many connections a busy server has."""
APPLICATION = ("testproject.asgi:application", "--port", "{port}")
LANE = (*UVICORN, *APPLICATION)
WSGI_LANE = (*GUNICORN, "testproject.wsgi:application", "--bind", "127.0.0.1:{port}")
DJANGOS = ("--env", "DJANGO_SETTINGS_MODULE=testproject.settings", "django.core.wsgi:get_wsgi_application()")
VIEW = (*GUNICORN, *DJANGOS, "--bind", "127.0.0.1:{port}")


def ours(name: str, command: tuple[str, ...], database: str) -> Server:
    return Server(name, command, {"DATABASE_URL": database, "DEBUG": "0"}, migrate=MIGRATE)


def app(target: str, needs: tuple[str, ...], **environ: str) -> Server:
    """An ASGI application of a peer's, by itself."""
    return Server(target, (*UVICORN, target, "--port", "{port}"), environ, needs)


def apps(database: str) -> tuple[Server, Server, Server]:
    """The lane, the official SDK and FastMCP, which answer with JSON."""
    return (
        ours("lane", LANE, database),
        app("official_sdk:app", SDK, RESPONSES="json"),
        app("fastmcp_server:app", FASTMCP, RESPONSES="json"),
    )


def contests(sqlite: str, peer_sqlite: str, postgres: str | None) -> tuple[Contest, ...]:
    def django_site(*requirements: str, command: tuple[str, ...]) -> Server:
        migrate = (str(Path(__file__).parent / "peers" / "django_site.py"),)
        return Server(requirements[0], command, {"SQLITE_PATH": peer_sqlite}, requirements, migrate)

    peer_asgi = (*UVICORN, "django_site:asgi", "--port", "{port}")
    peer_wsgi = (*GUNICORN, "django_site:application", "--bind", "127.0.0.1:{port}")

    lane, sdk, fastmcp = apps(f"sqlite:///{sqlite}")
    view, wsgi_lane = ours("view", VIEW, f"sqlite:///{sqlite}"), ours("WSGI lane", WSGI_LANE, f"sqlite:///{sqlite}")
    plain = ours("lane without uvicorn[standard]", (*PLAIN_UVICORN, *APPLICATION), f"sqlite:///{sqlite}")
    sdk_sse = app("official_sdk:app", SDK)
    sdk_many = app("official_sdk:many", SDK, RESPONSES="json")
    fastmcp_sse = app("fastmcp_server:app", FASTMCP)
    fastmcp_many = app("fastmcp_server:many", FASTMCP, RESPONSES="json")
    floor = Server("floor", (*UVICORN, "--lifespan", "off", "bare_asgi:app", "--port", "{port}"), {}, SDK)
    mcpz_needs = ("django-mcpz==1.2.0", DJANGO, "gunicorn", "uvicorn[standard]")
    mcpz = django_site(*mcpz_needs, command=peer_wsgi)
    bare = django_site(*mcpz_needs, command=peer_asgi)
    mcp_server = django_site("django-mcp-server==0.5.7", "mcp<2", DJANGO, "gunicorn", command=peer_wsgi)

    bolt: tuple[Contestant, ...] = ()
    bolt_session: tuple[Contestant, ...] = ()
    if python := find_python(BOLT_PYTHON):
        command = ("-m", "django", "runbolt", "--processes", "1", "--host", "127.0.0.1", "--port", "{port}")
        server = Server("bolt-mcp", command, {"DJANGO_SETTINGS_MODULE": "bolt_settings"}, BOLT, base=python)
        bolt = (Contestant("bolt-mcp (Rust)", server, "/mcp", "modern"),)
        bolt_session = (Contestant("bolt-mcp (Rust), session in memory", server, "/mcp", "handshake"),)
    else:
        print(f"without bolt-mcp: there is no Python {BOLT_PYTHON}")

    on_postgres: tuple[Contestant, ...] = ()
    pg_lane = lane
    if postgres is not None:
        pg_lane = ours("lane on PostgreSQL", LANE, postgres)
        on_postgres = (
            Contestant("ours, lane, session in PostgreSQL", pg_lane, "/bench/mcp", "handshake"),
            Contestant("ours, lane, PostgreSQL, sync tool", pg_lane, "/bench/mcp", "handshake", add("add_sync")),
        )
    crowded: tuple[str, Literal["handshake"], Ask] = ("/bench/mcp", "handshake", add("add_sync"))
    return (
        Contest(
            "modern",
            "modern tools/call, uvicorn (budget: 3 x the SDK, goal: 4)",
            (
                Contestant("ours, lane", lane, "/bench/mcp", "modern"),
                Contestant("ours, lane, sync tool", lane, "/bench/mcp", "modern", add("add_sync")),
                Contestant("ours, lane, uvicorn without [standard]", plain, "/bench/mcp", "modern"),
                Contestant("official SDK", sdk, "/mcp", "modern"),
                Contestant("FastMCP", fastmcp, "/mcp", "modern"),
                *bolt,
                Contestant("bare async Django view", bare, "/bare-async", None),
                Contestant("uvicorn, with nothing behind it", floor, "/", None),
            ),
        ),
        Contest(
            "handshake",
            "handshake tools/call in a session, uvicorn (budget: 2.2 x the SDK, JSON)",
            (
                Contestant("ours, lane, session in SQLite", lane, "/bench/mcp", "handshake"),
                Contestant("ours, lane, SQLite, sync tool", lane, "/bench/mcp", "handshake", add("add_sync")),
                *on_postgres,
                Contestant("official SDK, session in memory, JSON", sdk, "/mcp", "handshake"),
                Contestant("official SDK, session in memory, SSE", sdk_sse, "/mcp", "handshake"),
                Contestant("FastMCP, session in memory, JSON", fastmcp, "/mcp", "handshake"),
                Contestant("FastMCP, session in memory, SSE", fastmcp_sse, "/mcp", "handshake"),
                *bolt_session,
            ),
        ),
        Contest(
            "view",
            "modern tools/call, gunicorn (budget: 1 x django-mcpz; an async tool: 1.25)",
            (
                Contestant("ours, view", view, "/bench/mcp", "modern", add("add_sync")),
                Contestant("ours, view, async tool", view, "/bench/mcp", "modern"),
                Contestant("django-mcpz", mcpz, "/mcpz/mcp", "modern"),
                Contestant("bare Django view", mcpz, "/bare", None),
            ),
        ),
        Contest(
            "wsgi",
            "modern tools/call, gunicorn (budget: 1.5 x django-mcpz; an async tool: 1.25)",
            (
                Contestant("ours, WSGI lane", wsgi_lane, "/bench/mcp", "modern", add("add_sync")),
                Contestant("ours, WSGI lane, async tool", wsgi_lane, "/bench/mcp", "modern"),
                Contestant("ours, view", view, "/bench/mcp", "modern", add("add_sync")),
                Contestant("django-mcpz", mcpz, "/mcpz/mcp", "modern"),
                Contestant("bare Django view", mcpz, "/bare", None),
            ),
        ),
        Contest(
            "wsgi-handshake",
            "handshake tools/call, gunicorn (budget: 15 x django-mcp-server)",
            (
                Contestant("ours, WSGI lane, session in SQLite", wsgi_lane, "/bench/mcp", "handshake", add("add_sync")),
                Contestant("ours, view, session in SQLite", view, "/bench/mcp", "handshake", add("add_sync")),
                Contestant("django-mcpz, no session", mcpz, "/mcpz/mcp", "handshake"),
                Contestant("django-mcp-server, session in SQLite", mcp_server, "/mcp", "handshake"),
            ),
        ),
        *(
            Contest(
                name,
                f"modern, uvicorn: {ask.title}",
                (
                    Contestant("ours, lane", lane, path, "modern", ask),
                    Contestant("official SDK", its_sdk, "/mcp", "modern", ask),
                    Contestant("FastMCP", its_fastmcp, "/mcp", "modern", ask),
                ),
            )
            for name, ask, path, its_sdk, its_fastmcp in (
                ("list", LIST, "/bench/many/mcp", sdk_many, fastmcp_many),
                ("argument", ARGUMENT, "/bench/mcp", sdk, fastmcp),
                ("result", RESULT, "/bench/mcp", sdk, fastmcp),
                ("progress", STEPS, "/bench/mcp", sdk_sse, fastmcp_sse),
            )
        ),
        Contest(
            "orm",
            f"modern, an async tool and a sync one with an ORM query, {'SQLite' if postgres is None else 'PostgreSQL'}"
            " (budget: 0.67)",
            (
                Contestant("ours, lane, async tool", pg_lane, "/bench/mcp", "modern", ROW_ASYNC),
                Contestant("ours, lane, sync tool", pg_lane, "/bench/mcp", "modern", ROW),
            ),
        ),
        Contest(
            "crowd",
            f"handshake, a sync tool in a session, {CROWD} connections (budget: 0.9 of 16 connections)",
            (
                Contestant(f"ours, {CROWD} connections", lane, *crowded, connections=CROWD),
                Contestant(f"ours, {load.CONNECTIONS} connections", lane, *crowded),
                Contestant(f"official SDK, {CROWD} connections", sdk, "/mcp", "handshake", connections=CROWD),
            ),
        ),
        Contest(
            "row",
            f"modern, {ROW.title}: the lane under uvicorn, the others under gunicorn",
            (
                Contestant("ours, lane", lane, "/bench/mcp", "modern", ROW),
                Contestant("ours, WSGI lane", wsgi_lane, "/bench/mcp", "modern", ROW),
                Contestant("ours, view", view, "/bench/mcp", "modern", ROW),
                Contestant("django-mcpz", mcpz, "/mcpz/mcp", "modern", ROW),
            ),
        ),
    )


def hold(contest: Contest, rounds: int, seconds: float, cores: tuple[int | None, int | None]) -> list[Score]:
    """The scores of a contest's contestants, all of whose servers run throughout."""
    server_core, load_core = cores
    with contextlib.ExitStack() as stack:
        running = {}
        for contestant in contest.contestants:
            if id(contestant.server) not in running:
                running[id(contestant.server)] = stack.enter_context(contestant.server.serving(server_core))
        servings = [running[id(contestant.server)] for contestant in contest.contestants]
        requests = [contestant.meet(serving) for contestant, serving in zip(contest.contestants, servings, strict=True)]
        scores = [Score() for _ in requests]
        for request in requests:
            put_load(request, 1, load_core)
        for _ in range(rounds):
            turns = zip(contest.contestants, requests, servings, scores, strict=True)
            for contestant, request, serving, score in turns:
                before = serving.cpu_seconds()
                loaded = put_load(request, seconds, load_core, contestant.connections)
                after = serving.cpu_seconds()
                if loaded.failed or not loaded.requests:
                    raise SystemExit(f"{serving.server.name}: {loaded.failed} of {loaded.requests} requests failed")
                score.per_second.append(loaded.per_second)
                score.latency_ms.append(loaded.median_ms)
                if before is not None and after is not None:
                    score.cpu.append((after - before) / loaded.requests * 1e6)
        for contestant, request, serving in zip(contest.contestants, requests, servings, strict=True):
            contestant.check(request, serving)
        return scores


def report(contest: Contest, scores: list[Score]) -> None:
    rows = [["", "calls/s", "least-most", "median ms", "CPU us/call", "ratio", "least-most", "CPU ratio"]]
    first = scores[0]
    for contestant, score in zip(contest.contestants, scores, strict=True):
        ratios = [ours / theirs for ours, theirs in zip(first.per_second, score.per_second, strict=True)]
        cpu_ratios = [theirs / ours for ours, theirs in zip(first.cpu, score.cpu, strict=True)]
        rows.append(
            [
                contestant.name,
                f"{median(score.per_second):,.0f}",
                f"{min(score.per_second):,.0f}-{max(score.per_second):,.0f}",
                f"{median(score.latency_ms):.2f}",
                f"{median(score.cpu):.0f}" if score.cpu else "",
                f"{median(ratios):.2f}",
                f"{min(ratios):.2f}-{max(ratios):.2f}",
                f"{median(cpu_ratios):.2f}" if cpu_ratios else "",
            ]
        )
    print(f"\n{contest.title}")
    print_table(rows)


@contextlib.contextmanager
def databases() -> Iterator[tuple[str, str, str | None]]:
    """Two SQLite files (ours, the peers') and the URL of a PostgreSQL database, if there is a server; all are gone
    afterwards.
    """
    with tempfile.TemporaryDirectory() as scratch, contextlib.ExitStack() as stack:
        postgres = None
        try:
            postgres = stack.enter_context(_postgres())
        except (ImportError, OSError) as error:
            print(f"without PostgreSQL: {error}")
        yield f"{scratch}/ours.sqlite3", f"{scratch}/peers.sqlite3", postgres


@contextlib.contextmanager
def _postgres() -> Iterator[str]:
    import psycopg

    name = f"django_mcp_bench_{os.getpid()}"
    try:
        connection = psycopg.connect(f"{POSTGRES}/postgres", autocommit=True, connect_timeout=5)
    except psycopg.Error as error:
        raise OSError(str(error).strip()) from error
    with connection:
        connection.execute(f"CREATE DATABASE {name}")
    try:
        yield f"{POSTGRES}/{name}"
    finally:
        with psycopg.connect(f"{POSTGRES}/postgres", autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def pick_cores() -> tuple[int | None, int | None]:
    """A core for the servers and one for the load."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if len(cores) < 2 or not shutil.which("taskset"):
        print("Without two cores and taskset, the load takes time from the servers: the ratios come out too even.")
        return None, None
    return cores[-1], cores[0]


def main() -> None:
    parser = argparse.ArgumentParser(description="Throughput beside the peers, by turns.")
    parser.add_argument(
        "contest",
        nargs="*",
        help="modern, handshake, view, wsgi, wsgi-handshake, list, argument, result, progress, orm, crowd, row",
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2, help="of load for each contestant in a round")
    options = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, CPython {platform.python_version()}, {DJANGO};", end=" ")
    print(f"{options.rounds} rounds of {options.seconds:g} s, {load.CONNECTIONS} connections", end="")
    print(", wrk" if load.has_wrk() else ", a generator in Python (install wrk: this one is slower than the servers)")
    with databases() as urls:
        cores = pick_cores()
        for contest in contests(*urls):
            if not options.contest or contest.name in options.contest:
                report(contest, hold(contest, options.rounds, options.seconds, cores))


if __name__ == "__main__":
    main()
