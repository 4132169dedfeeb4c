"""The list of calls in the admin: pages and filters that stay quick when there are millions of rows."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext_lazy as _

from django_mcp.admin import ColumnFilter
from django_mcp.contrib.times import stored, today
from django_mcp.models import label

from .models import FAILURES, OUTCOMES, Call

NEWEST: Final = 1000
"""A filter offers the values of so many of the newest calls."""


class OutcomeFilter(admin.SimpleListFilter):
    """Filters by outcome, or by all that are failures."""

    title = _("outcome")
    parameter_name = "outcome"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, Any]]:
        return [("failures", _("All failures")), *OUTCOMES]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        match self.value():
            case None:
                return queryset
            case "failures":
                return queryset.filter(outcome__in=FAILURES)
        return queryset.filter(outcome=label(self.value(), 16))


class TimeFilter(admin.SimpleListFilter):
    """Filters by age, or by a day: `?time=2026-03-01`."""

    title = _("time")
    parameter_name = "time"
    hours: Final = {"hour": 1, "day": 24, "week": 7 * 24, "month": 30 * 24}

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, Any]]:
        names = [
            ("hour", _("Last hour")),
            ("day", _("Last 24 hours")),
            ("week", _("Last 7 days")),
            ("month", _("Last 30 days")),
        ]
        days = [today() - timedelta(days=number) for number in range(7)]
        if (chosen := self._day()) is not None and chosen not in days:
            days = [chosen + timedelta(days=1), chosen, chosen - timedelta(days=1)]
        return [*names, *[(day.isoformat(), day.isoformat()) for day in days]]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if (hours := self.hours.get(self.value() or "")) is not None:
            return queryset.filter(started_at__gte=timezone.now() - timedelta(hours=hours))
        if (day := self._day()) is not None:
            begin = stored(datetime(day.year, day.month, day.day))
            return queryset.filter(started_at__gte=begin, started_at__lt=begin + timedelta(days=1))
        return queryset

    def _day(self) -> Any:
        try:
            day = parse_date(self.value() or "")
        except ValueError:
            return None
        return day if day is not None and 1970 < day.year < 9999 else None


class RecentValuesFilter(ColumnFilter):
    """Offers the values of the newest calls: Django's own filters read the whole table."""

    shown: str = ""
    """The column that people read, when it is another."""

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        columns = (self.parameter_name, self.shown or self.parameter_name)
        newest = dict(Call.objects.order_by("-pk").values_list(*columns)[:NEWEST])
        chosen = {self.value(): self._name_of(self.value())} if self.value() else {}
        values = {key: text for key, text in (chosen | newest).items() if key}
        return sorted(((str(key), str(text or key)) for key, text in values.items()), key=lambda pair: pair[1])[:50]

    def _name_of(self, value: str | None) -> str:
        return str(value)


class NameFilter(RecentValuesFilter):
    title = _("tool, prompt or resource")
    parameter_name = "name"


class UserFilter(RecentValuesFilter):
    title = _("user")
    parameter_name = "user_pk"
    shown = "user_name"


class ClientFilter(RecentValuesFilter):
    title = _("client")
    parameter_name = "client_name"


class ServerFilter(RecentValuesFilter):
    title = _("server")
    parameter_name = "server"


class LinkedFilter(ColumnFilter):
    """A filter that links set, and that is shown only while it is set."""

    longest = 500

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        return [(self.value() or "", self.value() or "")] if self.value() else []

    def has_output(self) -> bool:
        return bool(self.value())


class SessionFilter(LinkedFilter):
    title = _("session")
    parameter_name = "session_pk"

    def value(self) -> str | None:
        value = super().value() or ""
        return value if value.isascii() and value.isdigit() and len(value) < 19 else None


class TokenFilter(LinkedFilter):
    title = _("token")
    parameter_name = "token_id"


class KeyFilter(LinkedFilter):
    title = _("rounds of the call")
    parameter_name = "key"


class MessageFilter(LinkedFilter):
    title = _("message")
    parameter_name = "message"


FILTERS: Final = (
    OutcomeFilter,
    TimeFilter,
    NameFilter,
    UserFilter,
    ClientFilter,
    ServerFilter,
    SessionFilter,
    TokenFilter,
    KeyFilter,
    MessageFilter,
)
