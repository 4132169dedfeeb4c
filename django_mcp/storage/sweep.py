"""The sweep: a small purge that the server makes by itself, now and then, in a deployment where no other purge runs.

A process asks for it when it writes a row that will age. It runs in a thread of its own, so no request waits for it.
"""

import logging
import threading
import time
from datetime import datetime, timedelta
from typing import Final

from django.db import connections
from django.utils import timezone

from django_mcp.conf import mcp_settings

from .database import alias
from .purge import Allowance, purge_everything
from .upkeep import PURGE, SWEEP, SWEPT, claim, last_run, note

logger = logging.getLogger("django_mcp")

PURGED_DAILY: Final = timedelta(hours=26)
"""A deployment whose last purge is younger has a daily purge, and needs no sweep. Two hours are for a late start."""

BATCH: Final = 500

_asked_at = float("-inf")


def consider() -> None:
    """Starts a sweep in a thread if it is time to ask for one. Costs a comparison otherwise."""
    global _asked_at
    seconds, now = mcp_settings.SWEEP_SECONDS, time.monotonic()
    # In a transaction, the caller is a test, or a project that wants its own rows only.
    if seconds is None or now - _asked_at < seconds or connections[alias()].in_atomic_block:
        return
    _asked_at = now
    try:
        threading.Thread(target=_run, name="django_mcp-sweep", daemon=True).start()
    except RuntimeError as failure:  # the process has too many threads, or is about to end
        logger.warning("The sweep could not start (%r); it is tried again later", failure)


def _run() -> None:
    try:
        sweep()
    except Exception as failure:
        logger.warning("The sweep failed (%r); it is tried again later", failure)
    finally:
        connections.close_all()


def sweep(now: datetime | None = None) -> dict[str, int] | None:
    """Deletes at most `MCP_SWEEP_ROWS` rows that have ended or aged, and returns their numbers. None if it is not this
    process' turn: another one has swept within `MCP_SWEEP_SECONDS`, or the deployment is purged daily.
    """
    now, seconds = now or timezone.now(), mcp_settings.SWEEP_SECONDS
    purged_at = last_run(PURGE)
    if seconds is None or (purged_at is not None and purged_at > now - PURGED_DAILY):
        return None
    if not claim(SWEEP, seconds, now):
        return None
    allowance = Allowance(mcp_settings.SWEEP_ROWS)
    counts = purge_everything(BATCH, allowance=allowance)
    if not allowance.is_spent:
        note(SWEPT, now)
    return counts
