"""How many instructions our own code takes for a call: `python -m benchmarks.instructions [--check]`. Counted by
valgrind, so that neither the machine's speed nor what else it does matters.

The count is a ratio to reading and writing the same message with the standard library's `json`, since another Python
takes another number for both. With `--check` a ratio above its limit is an error: something has become more expensive.
Takes half a minute.
"""

import argparse
import gc
import json
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .tables import print_table

ROOT = Path(__file__).resolve().parent.parent
WARM_UP = 50
CALLS = 300

LIMITS = {"handshake": 1.7, "modern": 2.2}
"""A tenth above what was measured last: 1.56 and 2.00 (docs/performance.md)."""


def work(name: str) -> None:
    """Makes the calls that are counted, between two marks for valgrind. The calls before them fill every cache."""
    from .own_code import CASES, send

    sent = send(CASES[0], "handshake" if name == "handshake" else "modern")
    if name == "json":

        def once() -> object:
            return json.dumps(json.loads(sent.body))

    else:
        once = sent.answer
    for _ in range(WARM_UP):
        once()
    # A collection that falls into the counted part would walk over whatever Django has loaded.
    gc.collect()
    gc.freeze()
    subprocess.run(["callgrind_control", "--instr=on", str(os.getpid())], check=True, capture_output=True)
    os.getloadavg()
    for _ in range(CALLS):
        once()
    os.getpriority(os.PRIO_PROCESS, 0)


def count(name: str) -> float:
    """The instructions of one call: those between the two C functions by which `work` marks begin and end."""
    with tempfile.TemporaryDirectory() as scratch:
        command = [
            # Starting up is not counted, and runs ten times as fast for it; `work` switches the counting on.
            *("valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={scratch}/out"),
            *("--zero-before=getloadavg", "--dump-before=getpriority"),
            *(sys.executable, "-m", "benchmarks.instructions", "--work", name),
        ]
        environ = {**os.environ, "PYTHONHASHSEED": "0"}
        done = subprocess.run(command, env=environ, cwd=ROOT, capture_output=True, text=True)
        dump = Path(scratch, "out.1")
        if done.returncode or not dump.exists():
            raise SystemExit(f"valgrind counted nothing of {name}:\n{done.stdout}{done.stderr}")
        found = re.search(r"^(?:totals|summary): (\d+)", dump.read_text(), re.MULTILINE)
    if found is None:
        raise SystemExit(f"valgrind's count of {name} has no total.")
    return int(found[1]) / CALLS


def measure() -> dict[str, float]:
    """Instructions a call, by name."""
    names = ("json", *LIMITS)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return dict(zip(names, pool.map(count, names), strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description="Instructions of our own code for a call.")
    parser.add_argument("--check", action="store_true", help="fail when a limit is passed")
    parser.add_argument("--work", metavar="NAME", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        return work(options.work)
    found = measure()
    rows = [["", "instructions", "of json's", "limit"], ["json, there and back", f"{found['json']:,.0f}", "1.0", ""]]
    over = []
    for name, limit in LIMITS.items():
        ratio = found[name] / found["json"]
        rows.append([f"tools/call, {name}", f"{found[name]:,.0f}", f"{ratio:.1f}", f"{limit:.1f}"])
        over += [name] if ratio > limit else []
    print_table(rows)
    if options.check and over:
        raise SystemExit(f"More instructions than there were: {', '.join(over)}. Mend it, or raise LIMITS and say why.")


if __name__ == "__main__":
    main()
