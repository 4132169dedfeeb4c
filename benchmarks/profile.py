"""Where the time of a call goes: `python -m benchmarks.profile [CONTESTANT...]` writes benchmarks/profiles/*.txt.

Each server is loaded as in `benchmarks.serve` and `benchmarks.cycles`, and sampled by py-spy
(`pip install --group bench`) while it holds the interpreter's lock: the share of each function by itself, and with all
that it calls.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from .asks import add
from .cycles import converse
from .load import put_load
from .serve import LANE, VIEW, WSGI_LANE, databases, ours, pick_cores
from .servers import Contestant, Serving

FOLDER = Path(__file__).resolve().parent / "profiles"
SECONDS, SHOWN = 10, 40

Load: TypeAlias = Callable[[float], object]
"""Loads a server for so many seconds."""


def contestants(sqlite: str, postgres: str | None) -> dict[str, Contestant]:
    lane, wsgi_lane, view = ours("lane", LANE, sqlite), ours("WSGI", WSGI_LANE, sqlite), ours("view", VIEW, sqlite)
    found = {
        "lane-modern": Contestant("lane", lane, "/bench/mcp", "modern"),
        "lane-handshake": Contestant("lane", lane, "/bench/mcp", "handshake"),
        "wsgi-lane-modern": Contestant("WSGI", wsgi_lane, "/bench/mcp", "modern", add("add_sync")),
        "wsgi-lane-handshake": Contestant("WSGI", wsgi_lane, "/bench/mcp", "handshake", add("add_sync")),
        "view-modern": Contestant("view", view, "/bench/mcp", "modern", add("add_sync")),
        "view-handshake": Contestant("view", view, "/bench/mcp", "handshake", add("add_sync")),
        "conversations": Contestant("lane", lane, "/bench/mcp", "handshake"),
    }
    if postgres is not None:
        on_postgres = ours("lane on PostgreSQL", LANE, postgres)
        found["conversations-postgresql"] = Contestant("lane", on_postgres, "/bench/mcp", "handshake")
    return found


def load_of(name: str, contestant: Contestant, serving: Serving, core: int | None) -> Load:
    if name.startswith("conversations"):
        return lambda seconds: asyncio.run(converse(serving.port, contestant.path, seconds))
    request = contestant.meet(serving)
    return lambda seconds: put_load(request, seconds, core)


def sample(load: Load, serving: Serving) -> list[tuple[list[str], int]]:
    """Stacks, outermost first, and how often each was seen."""
    load(1)
    loading = threading.Thread(target=load, args=[SECONDS + 3])
    loading.start()
    with tempfile.NamedTemporaryFile() as found:
        spy = str(Path(sys.executable).parent / "py-spy")
        command = [spy, "record", "--subprocesses", "--gil", "--function", "--rate", "250", "--format", "raw"]
        command += ["--duration", str(SECONDS), "--pid", str(serving.pid), "--output", found.name]
        done = subprocess.run(command, capture_output=True, text=True)
        lines = Path(found.name).read_text().splitlines()
    loading.join()
    if not lines:
        raise SystemExit(f"py-spy saw nothing: {done.stderr}")
    parts = (line.rpartition(" ") for line in lines)
    return [(stack.split(";"), int(times)) for stack, _, times in parts]


def describe(name: str, stacks: list[tuple[list[str], int]]) -> str:
    total = sum(times for _, times in stacks)
    alone: Counter[str] = Counter()
    within: Counter[str] = Counter()
    for stack, times in stacks:
        alone[stack[-1]] += times
        for function in set(stack):
            within[function] += times
    lines = [f"{name}: {total} samples with the interpreter's lock held", "", "by itself, %"]
    lines += [f"{times / total * 100:6.1f}  {function}" for function, times in alone.most_common(SHOWN)]
    lines += ["", "with all that it calls, %"]
    lines += [f"{times / total * 100:6.1f}  {function}" for function, times in within.most_common(2 * SHOWN)]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description="Where the time of a call goes.")
    names = ", ".join(contestants("", ""))
    parser.add_argument("contestant", nargs="*", help=f"{names}; all by default")
    options = parser.parse_args()
    FOLDER.mkdir(exist_ok=True)
    server_core, load_core = pick_cores()
    if load_core is not None:
        os.sched_setaffinity(0, {load_core})
    with databases() as (sqlite, _, postgres):
        for name, contestant in contestants(f"sqlite:///{sqlite}", postgres).items():
            if not options.contestant or name in options.contestant:
                with contestant.server.serving(server_core) as serving:
                    text = describe(name, sample(load_of(name, contestant, serving, load_core), serving))
                (FOLDER / f"{name}.txt").write_text(text)
                print(text.partition("\nwith")[0])


if __name__ == "__main__":
    main()
