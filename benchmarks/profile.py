"""Where the time of a call goes: `python -m benchmarks.profile [CONTESTANT...]` writes benchmarks/profiles/*.txt.

Each server is loaded as in `benchmarks.serve`, and sampled by py-spy (`pip install --group bench`) while it holds the
interpreter's lock: the share of each function by itself, and with all that it calls.
"""

import argparse
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from pathlib import Path

from .asks import add
from .load import put_load
from .serve import LANE, VIEW, databases, ours, pick_cores
from .servers import Contestant, Serving

FOLDER = Path(__file__).resolve().parent / "profiles"
SECONDS, SHOWN = 10, 40


def contestants(database: str) -> dict[str, Contestant]:
    lane = ours("lane", LANE, database)
    view = ours("view", VIEW, database)
    return {
        "lane-modern": Contestant("lane", lane, "/bench/mcp", "modern"),
        "lane-handshake": Contestant("lane", lane, "/bench/mcp", "handshake"),
        "view-modern": Contestant("view", view, "/bench/mcp", "modern", add("add_sync")),
        "view-handshake": Contestant("view", view, "/bench/mcp", "handshake", add("add_sync")),
    }


def sample(contestant: Contestant, serving: Serving, core: int | None) -> list[tuple[list[str], int]]:
    """Stacks, outermost first, and how often each was seen."""
    request = contestant.meet(serving)
    put_load(request, 1, core)
    loading = threading.Thread(target=put_load, args=(request, SECONDS + 3, core))
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
    parser.add_argument("contestant", nargs="*", help="lane-modern, lane-handshake, view-modern, view-handshake; all")
    options = parser.parse_args()
    FOLDER.mkdir(exist_ok=True)
    server_core, load_core = pick_cores()
    with databases() as (sqlite, _, _postgres):
        for name, contestant in contestants(f"sqlite:///{sqlite}").items():
            if not options.contestant or name in options.contestant:
                with contestant.server.serving(server_core) as serving:
                    text = describe(name, sample(contestant, serving, load_core))
                (FOLDER / f"{name}.txt").write_text(text)
                print(text.partition("\nwith")[0])


if __name__ == "__main__":
    main()
