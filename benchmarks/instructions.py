"""How many instructions our own code takes for a call: `python -m benchmarks.instructions [--check]`. Counted by
valgrind, so that neither the machine's speed nor what else it does matters.

The count is a ratio to reading and writing the same message with the standard library's `json`, since another Python
takes another number for both. With `--check` a ratio above its limit is an error: something has become more expensive.
Takes two minutes.
"""

import argparse
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
CALLS = 300

LIMITS = {"handshake": 3.3, "modern": 3.95}
"""A tenth above what was measured last (benchmarks/profiles/instructions.txt)."""


def work(name: str, calls: int) -> None:
    """What is counted: so many calls, after as many as fill every cache."""
    from .own_code import CASES, send

    sent = send(CASES[0], "handshake" if name == "handshake" else "modern")
    if name == "json":

        def once() -> object:
            return json.dumps(json.loads(sent.body))

    else:
        once = sent.answer
    for _ in range(50 + calls):
        once()


def count(name: str, calls: int) -> int:
    """The instructions of a whole process."""
    with tempfile.TemporaryDirectory() as scratch:
        command = [
            *("valgrind", "--tool=callgrind", f"--callgrind-out-file={scratch}/out"),
            *(sys.executable, "-m", "benchmarks.instructions", "--work", name, str(calls)),
        ]
        environ = {**os.environ, "PYTHONHASHSEED": "0"}
        done = subprocess.run(command, env=environ, cwd=ROOT, capture_output=True, text=True, check=True)
    found = re.search(r"Collected : (\d+)", done.stderr)
    if found is None:
        raise SystemExit(done.stderr)
    return int(found[1])


def measure() -> dict[str, float]:
    """Instructions a call, by name."""
    runs = [("json", 0), ("json", CALLS), ("handshake", CALLS), ("modern", CALLS)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        nothing, *others = pool.map(lambda run: count(*run), runs)
    return {name: (total - nothing) / CALLS for (name, _), total in zip(runs[1:], others, strict=True)}


def main() -> None:
    parser = argparse.ArgumentParser(description="Instructions of our own code for a call.")
    parser.add_argument("--check", action="store_true", help="fail when a limit is passed")
    parser.add_argument("--work", nargs=2, metavar=("NAME", "CALLS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        return work(options.work[0], int(options.work[1]))
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
