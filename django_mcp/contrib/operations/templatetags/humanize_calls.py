"""Filters of the overview's template: numbers for people."""

from datetime import datetime
from typing import Any

from django import template
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from django_mcp.contrib.operations.models import KINDS

register = template.Library()


@register.filter
def grouped(value: int) -> str:
    """A number with the separators of the language: "1,234,567"."""
    return number_format(value, force_grouping=True)


@register.filter
def kind_name(kind: str) -> str:
    """The name of a kind of primitive, for people."""
    return str(KINDS.get(kind, kind))


@register.filter
def milliseconds(seconds: float | None) -> str:
    """A duration: "12 ms", "1.5 s"; "-" for none."""
    if seconds is None:
        return "-"
    if seconds >= 1:
        return _("%(number)s s") % {"number": number_format(f"{seconds:.1f}")}
    return _("%(number)s ms") % {"number": number_format(f"{seconds * 1000:.3g}")}


@register.filter
def error_share(row: Any) -> str:
    """The share of errors among the calls: "0 %", "1.5 %"."""
    if not row.calls:
        return "-"
    share = f"{100 * row.errors / row.calls:.2g}" if row.errors < row.calls else "100"
    return _("%(number)s %%") % {"number": number_format(share)}


@register.filter
def short_age(moment: datetime) -> str:
    """The time since a moment: "5 s", "3 min", "7 h", "12 d"."""
    seconds = (timezone.now() - moment).total_seconds()
    if seconds >= 2 * 86_400:
        return _("%(number)s d") % {"number": f"{seconds / 86_400:.0f}"}
    if seconds >= 2 * 3600:
        return _("%(number)s h") % {"number": f"{seconds / 3600:.0f}"}
    if seconds >= 2 * 60:
        return _("%(number)s min") % {"number": f"{seconds / 60:.0f}"}
    return _("%(number)s s") % {"number": f"{max(0, seconds):.0f}"}
