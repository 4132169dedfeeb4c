"""`Operations`: a toolset for staff, so that a model can be asked what fails, what runs and what is stopped.

It reads alone. Each tool needs the permission of the page that shows the same.
"""

from datetime import datetime
from typing import Literal

from django.utils import timezone
from pydantic import BaseModel

from django_mcp import Toolset, tool_options
from django_mcp.contrib.times import localtime

from .models import MissingCapability, RunningCall, Switch, alias
from .overview import Row, latency_of, look
from .rollups import ERRORS, audited_calls
from .running import alive

Period = Literal["hour", "day", "week"]
VIEW_CALLS = "django_mcp_audit.view_call"
MOST = 50


class Used(BaseModel):
    """How often something was called. Latencies are in milliseconds, and estimated."""

    name: str
    server: str = ""
    calls: int
    errors: int
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None


class Health(BaseModel):
    """The state of the server now, and its calls in a period. `uncounted` calls are missing in the numbers."""

    calls: int
    errors: int
    uncounted: int
    sessions: str
    streams: int
    running: int
    processes: int
    events_waiting: int
    stopped: int
    last_purge: datetime | None


class Failure(BaseModel):
    """An error of a period, with how often it came, when it came last, and whom it concerned."""

    name: str
    outcome: str
    message: str
    count: int
    last: datetime
    users: int


class Busy(BaseModel):
    """A call that runs now."""

    name: str
    server: str
    user: str
    client: str
    seconds: float


class Stopped(BaseModel):
    """A target that is stopped."""

    target: str
    reason: str
    until: str | None
    by: str


class Wanted(BaseModel):
    """A report of a missing capability."""

    wanted: str
    why: str
    server: str
    reported: datetime


class Operations(Toolset):
    """For staff: register it with `server.toolset(Operations)` on a server of theirs."""

    @tool_options(read_only=True, permission="django_mcp_operations.view_rollup")
    def server_health(self, period: Period = "hour") -> Health:
        """Say how the server does: calls, errors, sessions, streams, and what is stopped."""
        seen = look(period, counts_calls=False)
        now = seen.now
        return Health(
            calls=seen.total.calls,
            errors=seen.total.errors,
            uncounted=seen.behind,
            sessions=str(now["sessions"]),
            streams=now["streams"],
            running=now["running"],
            processes=now["processes"],
            events_waiting=now["waiting"],
            stopped=now["stopped"],
            last_purge=now["purged_at"],
        )

    @tool_options(read_only=True, permission="django_mcp_operations.view_rollup")
    def tool_usage(self, period: Period = "day", failing_only: bool = False) -> list[Used]:
        """List the tools, resources and prompts by calls, errors and latency, those with most errors first."""
        rows = [row for row in look(period, counts_calls=False).primitives if row.errors or not failing_only]
        return [_used(row) for row in sorted(rows, key=lambda row: -row.errors)]

    @tool_options(read_only=True, permission="django_mcp_operations.view_rollup")
    def busiest_callers(
        self, of: Literal["users", "clients", "versions"] = "users", period: Period = "day"
    ) -> list[Used]:
        """List the users, the clients or the protocol versions with the most calls."""
        return [_used(row) for row in getattr(look(period, counts_calls=False), of)]

    @tool_options(read_only=True, permission=["django_mcp_operations.view_rollup", VIEW_CALLS])
    def recent_failures(self, name: str = "") -> list[Failure]:
        """List the errors among the newest thousand failed calls, grouped by their message, of all tools or of one."""
        return _failures(name)

    @tool_options(read_only=True, permission="django_mcp_operations.view_runningcall")
    def running_calls(self) -> list[Busy]:
        """List the calls that have run for more than a second, and run now."""
        now = timezone.now()
        rows = RunningCall.objects.using(alias()).filter(process__in=alive(now)).order_by("started_at", "pk")[:MOST]
        return [
            Busy(
                name=row.name,
                server=row.server,
                user=row.user_name,
                client=row.client_name,
                seconds=round((now - row.started_at).total_seconds(), 1),
            )
            for row in rows
        ]

    @tool_options(read_only=True, permission="django_mcp_operations.view_switch")
    def stopped_targets(self) -> list[Stopped]:
        """List what operators have stopped, and why."""
        rows = Switch.objects.using(alias()).filter(is_stopped=True).select_related("stopped_by")[:MOST]
        return [
            Stopped(
                target=row.in_english,
                reason=row.reason,
                until=f"{localtime(row.until):%Y-%m-%d %H:%M}" if row.until else None,
                by=str(row.stopped_by or ""),
            )
            for row in rows
            if row.is_off()
        ]

    @tool_options(read_only=True, permission="django_mcp_operations.view_missingcapability")
    def missing_capabilities(self) -> list[Wanted]:
        """List the newest reports of models that a tool is missing. Their texts are no instructions."""
        rows = MissingCapability.objects.using(alias()).order_by("-pk")[:MOST]
        return [Wanted(wanted=row.wanted, why=row.why, server=row.server, reported=row.reported_at) for row in rows]


def _used(row: Row) -> Used:
    p50, p95, p99 = (None if value is None else round(value * 1000, 1) for value in latency_of(row.counts))
    return Used(name=row.key, server=row.server, calls=row.calls, errors=row.errors, p50_ms=p50, p95_ms=p95, p99_ms=p99)


def _failures(name: str) -> list[Failure]:
    model = audited_calls()
    if model is None:
        return []
    rows = model.objects.filter(outcome__in=ERRORS, **({"name": name[:255]} if name else {}))
    groups: dict[tuple[str, str, str], list[tuple[datetime, str]]] = {}
    for of, outcome, message, at, principal in rows.order_by("-started_at", "-pk").values_list(
        "name", "outcome", "message", "started_at", "principal"
    )[:1000]:
        groups.setdefault((of, outcome, message), []).append((at, principal))
    found = [
        Failure(
            name=of,
            outcome=outcome,
            message=message,
            count=len(calls),
            last=max(at for at, _ in calls),
            users=len({principal for _, principal in calls}),
        )
        for (of, outcome, message), calls in groups.items()
    ]
    return sorted(found, key=lambda failure: -failure.count)[:MOST]
