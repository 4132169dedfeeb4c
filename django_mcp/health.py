"""The health of a deployment, for load balancers and monitors: the database, the channel layer, and the last purge.

It is looked at by one thread at a time and at most once a second in each process, so a flood of requests stays cheap. A
database that hangs holds that thread and no other.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Final

from channels.layers import get_channel_layer
from django.contrib.auth.decorators import login_not_required
from django.db import connections
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from django_mcp.bus import bell
from django_mcp.conf import mcp_settings
from django_mcp.storage.database import alias
from django_mcp.storage.upkeep import PURGE, SWEPT, last_run

logger = logging.getLogger("django_mcp")

FRESH_SECONDS: Final = 1

PURGE_IS_LATE: Final = timedelta(days=2)
"""A daily purge that has missed a day."""


@dataclass(frozen=True, slots=True)
class Health:
    """The findings of a look. `database` and `layer` are "ok" or "down"; `layer` is "none" without a layer that spans
    processes. `purge` is "ok", "late" or "never", and "unknown" without the database.
    """

    database: str
    layer: str
    purge: str
    purge_age_seconds: int | None = None

    @property
    def status(self) -> str:
        """One of "ok", "degraded" (calls are answered) and "down" (a part is missing that MCP_HEALTH_REQUIRES)."""
        bad = {"database": self.database == "down", "layer": self.layer == "down", "purge": self.purge != "ok"}
        if any(bad[part] for part in mcp_settings.HEALTH_REQUIRES):
            return "down"
        return "degraded" if any(bad.values()) else "ok"


@never_cache
@login_not_required
@require_safe
def health(request: HttpRequest) -> JsonResponse:
    """The view: 200, or 503 when the deployment is down. It asks nobody who calls, and says no more than `Health`."""
    found = check()
    return JsonResponse({"status": found.status, **asdict(found)}, status=503 if found.status == "down" else 200)


# The view has to say that the database is away, so no transaction is begun before it.
health._non_atomic_requests = set(connections)  # type: ignore[attr-defined]


def check() -> Health:
    """The health now, or as it was up to a second ago. Waits at most MCP_HEALTH_TIMEOUT_SECONDS."""
    if connections[alias()].in_atomic_block:
        return _look()  # A test's rows are in its own transaction.
    return _watch.see()


class _Watch:
    """The latest look, and the one that is under way."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._found: Health | None = None
        self._found_at = self._began_at = 0.0
        self._is_looking = False

    def see(self) -> Health:
        with self._lock:
            now = time.monotonic()
            if self._found is not None and now - self._found_at < FRESH_SECONDS and not self._is_overdue(now):
                return self._found
            if not self._is_looking:
                self._is_looking, self._began_at, self._ended = True, now, threading.Event()
                threading.Thread(target=self._look, args=(self._ended,), name="django_mcp-health", daemon=True).start()
            ended, left = self._ended, self._began_at + mcp_settings.HEALTH_TIMEOUT_SECONDS - now
        if ended.wait(max(0, left)) and self._found is not None:
            return self._found
        return HANGS

    def _is_overdue(self, now: float) -> bool:
        return self._is_looking and now - self._began_at >= mcp_settings.HEALTH_TIMEOUT_SECONDS

    def _look(self, ended: threading.Event) -> None:
        found = HANGS
        try:
            found = _look()
        finally:
            connections.close_all()
            with self._lock:
                self._found, self._found_at, self._is_looking = found, time.monotonic(), False
            ended.set()


HANGS: Final = Health(database="down", layer="none", purge="unknown")
"""The answer while the database does not answer."""

_watch = _Watch()


def _look() -> Health:
    layer = _look_at_layer()
    try:
        purged_at = last_run(PURGE, SWEPT)
    except Exception as failure:
        logger.warning("Health: the database failed: %r", failure)
        return Health(database="down", layer=layer, purge="unknown")
    if purged_at is None:
        return Health(database="ok", layer=layer, purge="never")
    age = timezone.now() - purged_at
    return Health("ok", layer, "late" if age > PURGE_IS_LATE else "ok", int(age.total_seconds()))


def _look_at_layer() -> str:
    """Sends a message to a group in which nobody is."""
    if not bell.spans_processes():
        return "none"
    try:
        asyncio.run(_send())
    except Exception as failure:
        logger.warning("Health: the channel layer failed: %r", failure)
        return "down"
    return "ok"


async def _send() -> None:
    async with asyncio.timeout(mcp_settings.HEALTH_TIMEOUT_SECONDS / 2):
        await get_channel_layer().group_send("mcp.health", {"type": "mcp.ring"})


PARTS: Final[Sequence[str]] = ("database", "layer", "purge")
"""The parts that MCP_HEALTH_REQUIRES may name."""
