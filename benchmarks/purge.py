"""The purge of many sessions, each with an event: `python -m benchmarks.purge [--sessions 200000]`. How long it
takes, the longest that one batch holds its locks, and how much the process's memory grows. On SQLite, and on the
PostgreSQL that POSTGRES names. Linux only.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from datetime import timedelta
from itertools import pairwise

from .serve import databases
from .servers import ROOT
from .tables import print_table

PROGRAM = "import sys, django; django.setup(); from benchmarks.purge import measure; measure(int(sys.argv[1]))"


def measure(count: int) -> None:
    """Prints what the purge of so many sessions takes, in a process of its own with a new database."""
    from django.core.management import call_command
    from django.db import connection, transaction
    from django.utils import timezone

    from django_mcp.models import Event, Session, new_session_id
    from django_mcp.storage.purge import purge

    call_command("migrate", verbosity=0)
    now = timezone.now()
    for start in range(0, count, 10_000):
        rows = [
            Session(session_id=new_session_id(), server="x", expires_at=now - timedelta(seconds=number % 86_400 + 1))
            for number in range(min(10_000, count - start))
        ]
        with transaction.atomic():
            Session.objects.bulk_create(rows, batch_size=500)
            newest = Session.objects.order_by("-pk").values_list("pk", flat=True)[: len(rows)]
            Event.objects.bulk_create(
                [Event(session_id=pk, stream="s", sequence=1, message="{}") for pk in newest], batch_size=500
            )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    purge(now=now - timedelta(days=2))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    moments = [time.perf_counter()]
    purged = purge(progress=lambda so_far: moments.append(time.perf_counter()))
    took = time.perf_counter() - moments[0]
    assert not Session.objects.exists()
    assert not Event.objects.exists()
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    longest = max(after - before for before, after in pairwise(moments))
    print(json.dumps({"took": took, "batch": longest, "mib": grown / 1024, "purged": purged.expired}))


def main() -> None:
    parser = argparse.ArgumentParser(description="The purge of many sessions.")
    parser.add_argument("--sessions", type=int, default=200_000)
    options = parser.parse_args()
    rows = [["", "sessions", "seconds", "sessions/s", "longest batch, s", "memory grown, MiB"]]
    with databases() as (sqlite, _, postgres):
        stores = {"SQLite": f"sqlite:///{sqlite}", **({"PostgreSQL": postgres} if postgres else {})}
        for store, database in stores.items():
            environ = {**os.environ, "DATABASE_URL": database, "DJANGO_SETTINGS_MODULE": "testproject.settings"}
            command = [sys.executable, "-c", PROGRAM, str(options.sessions)]
            done = subprocess.run(command, env=environ, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
            found = json.loads(done.stdout.splitlines()[-1])
            purged, took = found["purged"], found["took"]
            each = [
                f"{purged:,}",
                f"{took:.1f}",
                f"{purged / took:,.0f}",
                f"{found['batch']:.3f}",
                f"{found['mib']:.1f}",
            ]
            rows.append([store, *each])
    print_table(rows)


if __name__ == "__main__":
    main()
