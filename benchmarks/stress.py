"""Nothing is lost: `python -m benchmarks.stress [--messages 10000] [--streams 100] [--processes 4] [--seed 1]`.

Several server processes publish messages to many streams, whose clients cut them at random and resume them at another
process. Each client must see each of its messages exactly once, in order. On PostgreSQL and with Redis when
DATABASE_URL and REDIS_URL name them, else on an SQLite file and without a channel layer.
"""

import argparse
import asyncio
import os
import tempfile
import time
from pathlib import Path

import django


def main() -> None:
    parser = argparse.ArgumentParser(description="Messages to streams that are cut and resumed at random.")
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--streams", type=int, default=100)
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.live.settings")
    django.setup()
    from tests.live.cluster import cluster
    from tests.live.stress import stress

    with tempfile.TemporaryDirectory() as folder, cluster(Path(folder), options.processes) as servers:
        began = time.monotonic()
        cuts = asyncio.run(stress(servers, options.messages, options.streams, options.seed))
        seconds = time.monotonic() - began
    print(
        f"{options.messages} messages from {options.processes} processes to {options.streams} streams, cut "
        f"{cuts} times: each seen once, in order; {seconds:.1f} s"
    )


if __name__ == "__main__":
    main()
