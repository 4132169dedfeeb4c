"""Failures, grouped by what failed and how: the newest ones of a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from .models import FAILURES, OUTCOMES, Call

HOURS: Final = {1: _("Last hour"), 24: _("Last 24 hours"), 7 * 24: _("Last 7 days")}
"""The lengths of time that the page offers, in hours, with their names."""

MOST_READ: Final = 10_000
"""The newest failures of the time that are grouped, so that a flood of them costs no more."""
MOST_GROUPS: Final = 100


@dataclass(slots=True)
class Group:
    """Failures of one primitive with one message. The newest call is an example."""

    name: str
    outcome: str
    error_class: str
    message: str
    newest: int
    newest_at: datetime
    count: int = 0
    users: int = 0

    @property
    def outcome_name(self) -> str:
        """The outcome for people."""
        return str(dict(OUTCOMES).get(self.outcome, self.outcome))

    @property
    def query(self) -> str:
        return urlencode({"name": self.name, "outcome": self.outcome, "message": self.message})


def group_failures(hours: int, now: datetime | None = None) -> tuple[Sequence[Group], bool]:
    """The groups, the largest first, and whether there were more failures than were read."""
    since = (now or timezone.now()) - timedelta(hours=hours)
    columns = ("name", "outcome", "error_class", "message", "pk", "started_at", "user_pk")
    # One query for each outcome, so that each reads its index and no more.
    rows: list[Any] = []
    for outcome in sorted(FAILURES):
        found = Call.objects.filter(outcome=outcome, started_at__gte=since).order_by("-started_at", "-pk")
        rows += found.values_list(*columns)[:MOST_READ]
    rows.sort(key=lambda row: (row[5], row[4]), reverse=True)
    groups: dict[tuple[str, ...], Group] = {}
    users: dict[tuple[str, ...], set[str]] = {}
    for name, outcome, error_class, message, pk, started_at, user in rows[:MOST_READ]:
        key = (name, outcome, error_class, message)
        group = groups.setdefault(key, Group(*key, pk, started_at))
        group.count += 1
        users.setdefault(key, set()).add(user)
        group.users = len(users[key])
    ordered = sorted(groups.values(), key=lambda group: -group.count)
    return ordered[:MOST_GROUPS], len(rows) > MOST_READ
