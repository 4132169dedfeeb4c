"""Filters of the overview's template: numbers for people."""

from datetime import datetime
from typing import Any

from django import template
from django.utils import timezone

register = template.Library()


@register.filter
def with_commas(value: int) -> str:
    return f"{value:,}"


@register.filter
def milliseconds(seconds: float | None) -> str:
    """A duration: "12 ms", "1.5 s"; "-" for none."""
    if seconds is None:
        return "-"
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1000:.3g} ms"


@register.filter
def error_share(row: Any) -> str:
    """The share of errors among the calls: "0 %", "1.5 %"."""
    return f"{100 * row.errors / row.calls:.2g} %" if row.calls and row.errors < row.calls else _all_or_none(row)


def _all_or_none(row: Any) -> str:
    return "100 %" if row.calls else "-"


@register.filter
def short_age(moment: datetime) -> str:
    """The time since a moment: "5 s", "3 min", "7 h", "12 d"."""
    seconds = (timezone.now() - moment).total_seconds()
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0, seconds):.0f} s"
