"""`python -m benchmarks.startup [--rounds 5]`: how long a process takes until it can answer, and how much memory, with
few tools and with 300.

Each figure is the median of new processes, by turns. "imported" is Django with the project's applications, "listed" the
first `tools/list` after it, for which the schemas are made.
"""

import argparse
import json
import os
import subprocess
import sys
from statistics import median

from .servers import ROOT
from .tables import print_table

TOOLS = (1, 300)

PROCESS = """
import json, resource, sys, time
began = time.perf_counter()
from testproject.asgi import application
imported = time.perf_counter() - began
from django_mcp.testing import MCPClient
began = time.perf_counter()
count = len(MCPClient("/bench/many/mcp", era="modern").list_tools())
listed = time.perf_counter() - began
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"count": count, "imported": imported, "listed": listed, "memory": memory}))
"""


def start(tools: int) -> dict[str, float]:
    environ = os.environ | {"AUDIT": "off", "DEBUG": "0", "ALLOWED_HOSTS": "testserver", "SECRET_KEY": "x" * 50}
    environ["BENCH_TOOLS"] = str(tools)
    command = [sys.executable, "-W", "ignore", "-c", PROCESS]
    said = subprocess.run(command, env=environ, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    found: dict[str, float] = json.loads(said.splitlines()[-1])
    if found["count"] != tools:
        raise SystemExit(f"{found['count']} tools were listed, not {tools}")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="Start-up and memory of a project with 300 tools.")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    figures: dict[int, list[dict[str, float]]] = {tools: [] for tools in TOOLS}
    for _ in range(options.rounds):
        for tools, found in figures.items():
            found.append(start(tools))
    rows = [["tools", "imported, ms", "first list, ms", "memory, MiB"]]
    for tools, found in figures.items():
        middle = {key: median(one[key] for one in found) for key in ("imported", "listed", "memory")}
        milliseconds = [f"{middle[key] * 1000:,.0f}" for key in ("imported", "listed")]
        rows.append([str(tools), *milliseconds, f"{middle['memory'] / 1024:.1f}"])
    print_table(rows)


if __name__ == "__main__":
    main()
