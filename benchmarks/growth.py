"""How cost grows: `python -m benchmarks.growth [PLOT...]` draws docs/plots/*.svg, and prints what they show.

Processes, open sessions, open streams, tools, and rows of the event table: each from few to many, all else the same.
Takes about a quarter of an hour, and for the plot `events` three gigabytes of disk. PostgreSQL is the one that POSTGRES
names; drawing takes `pip install --group bench`.
"""

import argparse
import asyncio
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any

from . import streams
from .asks import add, says
from .load import put_load
from .serve import LANE, databases, ours, pick_cores
from .servers import ROOT, Contestant, Serving
from .tables import print_table

PLOTS = ROOT / "docs" / "plots"

OPEN_SESSIONS = """
import sys
from datetime import timedelta
from django.utils import timezone
from django_mcp.models import Session, new_session_id
count, expires_at = int(sys.argv[-1]), timezone.now() + timedelta(hours=1)
rows = [
    Session(session_id=new_session_id(), server="bench", protocol_version="2025-11-25", expires_at=expires_at)
    for _ in range(count)
]
Session.objects.bulk_create(rows, batch_size=500)
print("\\n".join(row.session_id for row in rows))
"""

FILL_EVENTS = """
INSERT INTO django_mcp_event (session_id, stream, sequence, message, is_last, created_at)
SELECT %(session)s + n %% 1000, 's', %(first)s + n / 1000, '{"jsonrpc":"2.0","method":"notifications/message"}',
false, now() FROM generate_series(0, %(count)s - 1) AS n
"""

TIME_EVENTS = """
import json, sys, time
from django.db import connection
from django_mcp.bus import poller
from django_mcp.storage import events, sessions, standalone
from django_mcp.storage.events import Position
from django_mcp.models import Event, Session
session = Session.objects.order_by("pk")[500]
last = Event.objects.filter(session=session, stream="s").order_by("-sequence").values_list("sequence", flat=True)[0]
look = poller.Poller()
look._poll([])
work = {
    "resume a session": lambda: sessions.resume(session.session_id, server="bench", principal=""),
    "publish a message": lambda: standalone.publish(session.pk, "{}"),
    "read what is new": lambda: events.read_after(Position("s", last - 5, 0), session.pk),
    "look for news": lambda: look._poll([]),
}
found = {}
for name, function in work.items():
    for _ in range(20):
        function()
    times = []
    for _ in range(200):
        began = time.perf_counter()
        function()
        times.append(time.perf_counter() - began)
    found[name] = sorted(times)[100] * 1e6
print(json.dumps(found))
"""


@dataclass(slots=True)
class Growth:
    """A plot: lines of points, each a number of things and what was measured with so many."""

    name: str
    title: str
    things: str
    measured: str
    lines: dict[str, list[tuple[int, float]]] = field(default_factory=dict)

    def add(self, line: str, number: int, value: float) -> None:
        self.lines.setdefault(line, []).append((number, value))
        print(f"  {line}: {number:,} {self.things}: {value:,.1f} {self.measured}", flush=True)

    def slopes(self) -> dict[str, float]:
        """By which power of the number of things each line grows: 0 is not at all, 1 in step with it."""
        import math

        found = {}
        for line, points in self.lines.items():
            logs = [(math.log(number), math.log(max(value, 1e-9))) for number, value in points]
            middle = [sum(values) / len(logs) for values in zip(*logs, strict=True)]
            over = sum((x - middle[0]) ** 2 for x, _ in logs)
            found[line] = sum((x - middle[0]) * (y - middle[1]) for x, y in logs) / over if over else 0.0
        return found

    def draw(self) -> None:
        import matplotlib as mpl

        mpl.use("svg")
        from matplotlib import pyplot

        # The same numbers are the same file.
        mpl.rcParams.update({"svg.hashsalt": "django_mcp", "svg.fonttype": "none", "font.size": 10})
        figure, axes = pyplot.subplots(figsize=(6.4, 4.0), layout="constrained")
        slopes = self.slopes()
        for line, points in self.lines.items():
            numbers, values = zip(*points, strict=True)
            axes.plot(numbers, values, marker="o", label=f"{line} (power {slopes[line]:+.2f})")
        axes.set(xscale="log", xlabel=self.things, ylabel=self.measured, title=self.title)
        axes.set_ylim(bottom=0)
        axes.set_xticks(sorted({number for points in self.lines.values() for number, _ in points}))
        axes.xaxis.set_major_formatter(lambda number, _: f"{number:,.0f}")
        axes.xaxis.set_minor_locator(mpl.ticker.NullLocator())
        axes.grid(alpha=0.3)
        figure.legend(loc="outside lower center", ncols=2, frameon=False)
        PLOTS.mkdir(exist_ok=True)
        figure.savefig(PLOTS / f"{self.name}.svg", metadata={"Date": None, "Creator": None})
        pyplot.close(figure)

    def table(self) -> None:
        numbers = sorted({number for points in self.lines.values() for number, _ in points})
        rows = [[self.title, *(f"{number:,}" for number in numbers), "power"]]
        for line, points in self.lines.items():
            by_number = dict(points)
            cells = [f"{by_number[number]:,.1f}" if number in by_number else "" for number in numbers]
            rows.append([f"{line}, {self.measured}", *cells, f"{self.slopes()[line]:+.2f}"])
        print()
        print_table(rows)


@dataclass(frozen=True, slots=True)
class Bench:
    """Where it is measured."""

    stores: dict[str, str]
    cores: tuple[int | None, int | None]
    seconds: float
    rounds: int

    def rate(self, contestant: Contestant, serving: Serving, sessions: Sequence[str] = ()) -> float:
        """The median of calls a second."""
        request = contestant.meet(serving)
        if sessions:
            request = replace(request, sessions=tuple(sessions))
        put_load(request, 1, self.cores[1])
        return median(self._load(contestant, request) for _ in range(self.rounds))

    def _load(self, contestant: Contestant, request: Any) -> float:
        loaded = put_load(request, self.seconds, self.cores[1])
        if loaded.failed:
            raise SystemExit(f"{contestant.name}: {loaded.failed} of {loaded.requests} requests failed")
        return loaded.per_second


def shell(code: str, database: str, *arguments: str) -> str:
    """The output of a program that runs in the project's shell."""
    program = f"import django; django.setup()\n{code}"
    environ = {**os.environ, "DATABASE_URL": database, "DJANGO_SETTINGS_MODULE": "testproject.settings"}
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], env=environ, cwd=ROOT, check=True, capture_output=True, text=True
    )
    return done.stdout


def processes(bench: Bench) -> Growth:
    growth = Growth("processes", "More processes, on all cores", "processes", "calls a second")
    everywhere = replace(bench, cores=(None, None))
    for store, database in bench.stores.items():
        for number in (1, 2, 3, 4):
            lane = ours("lane", (*LANE, "--workers", str(number)), database)
            with lane.serving(None) as serving:
                contestant = Contestant("lane", lane, "/bench/mcp", "handshake")
                growth.add(f"in a session, {store}", number, everywhere.rate(contestant, serving))
                if store == "SQLite":
                    modern = Contestant("lane", lane, "/bench/mcp", "modern")
                    growth.add("modern", number, everywhere.rate(modern, serving))
    return growth


def sessions(bench: Bench) -> Growth:
    growth = Growth("sessions", "More open sessions, all of them in use", "open sessions", "calls a second")
    for store, database in bench.stores.items():
        lane = ours("lane", LANE, database)
        with lane.serving(bench.cores[0]) as serving:
            ids: list[str] = []
            for number in (10, 100, 1_000, 9_900):  # MCP_MAX_SESSIONS is 10 000.
                ids += shell(OPEN_SESSIONS, database, str(number - len(ids))).split()
                contestant = Contestant("lane", lane, "/bench/mcp", "handshake", sessions=1)
                growth.add(store, number, bench.rate(contestant, serving, ids))
    return growth


def open_streams(bench: Bench) -> Growth:
    growth = Growth("streams", "More open streams, all of them idle", "open streams", "MiB of memory")
    database = bench.stores.get("PostgreSQL", bench.stores["SQLite"])
    case = next(case for case in streams.cases(database) if case.name == "memory")
    own_core = bench.cores[1]
    before = os.sched_getaffinity(0)
    for number in (10, 100, 1_000, 9_000):  # As many files as may be open here, and fewer than MCP_MAX_SESSIONS.
        if own_core is not None:
            os.sched_setaffinity(0, {own_core})
        with streams.open_files(number + 1_000), case.contestant.server.serving(bench.cores[0]) as serving:
            result = asyncio.run(streams.measure(case, serving, number, 5))
        os.sched_setaffinity(0, before)
        shell(streams.FORGET, database)
        growth.add("memory", number, result.kib * number / 1024)
    return growth


def tools(bench: Bench) -> Growth:
    growth = Growth("tools", "More tools on the server", "tools", "calls a second")
    for number in (10, 100, 1_000):
        lane = ours("lane", LANE, bench.stores["SQLite"])
        lane = replace(lane, environ={**lane.environ, "BENCH_TOOLS": str(number)})
        with lane.serving(bench.cores[0]) as serving:
            ask = replace(add("tool_7"), arguments={"query": "5"}, is_right=says("5"))
            modern = Contestant("lane", lane, "/bench/many/mcp", "modern", ask)
            growth.add("a call of one of them", number, bench.rate(modern, serving))
    return growth


def event_rows(bench: Bench) -> Growth:
    growth = Growth("events", "More rows in the event table", "events", "µs")
    database = bench.stores["PostgreSQL"]
    import psycopg

    shell(OPEN_SESSIONS, database, "1000")
    with psycopg.connect(database, autocommit=True) as connection:
        first = connection.execute("SELECT min(id) FROM django_mcp_session").fetchone()
        assert first is not None
        filled = 0
        for number in (10_000, 100_000, 1_000_000, 10_000_000):
            fill = {"session": first[0], "first": filled // 1000 + 1, "count": number - filled}
            connection.execute(FILL_EVENTS, fill)
            connection.execute("VACUUM ANALYZE django_mcp_event")
            filled = number
            for name, microseconds in json.loads(shell(TIME_EVENTS, database)).items():
                growth.add(name, number, microseconds)
            # These events go, so that they do not slow down the next rows.
            connection.execute("DELETE FROM django_mcp_event WHERE sequence > %s", (number // 1000,))
    return growth


MEASURES: dict[str, Callable[[Bench], Growth]] = {
    "processes": processes,
    "sessions": sessions,
    "streams": open_streams,
    "tools": tools,
    "events": event_rows,
}


@contextlib.contextmanager
def bench_with(seconds: float, rounds: int) -> Iterator[Bench]:
    with databases() as (sqlite, _, postgres):
        stores = {"SQLite": f"sqlite:///{sqlite}", **({"PostgreSQL": postgres} if postgres else {})}
        for database in stores.values():
            command = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
            subprocess.run(command, env={**os.environ, "DATABASE_URL": database}, cwd=ROOT, check=True)
        yield Bench(stores, pick_cores(), seconds, rounds)


def main() -> None:
    parser = argparse.ArgumentParser(description="How cost grows.")
    parser.add_argument("plot", nargs="*", help=f"{', '.join(MEASURES)}; all by default")
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    found = []
    for name, measure in MEASURES.items():
        if options.plot and name not in options.plot:
            continue
        print(name, flush=True)
        with bench_with(options.seconds, options.rounds) as bench:
            growth = measure(bench)
        growth.draw()
        found.append(growth)
    for growth in found:
        growth.table()
    print(f"\ndrawn into {PLOTS.relative_to(Path.cwd()) if PLOTS.is_relative_to(Path.cwd()) else PLOTS}")


if __name__ == "__main__":
    main()
