"""Times in projects with time zones and in those without (`USE_TZ = False`), whose columns take naive times only."""

from datetime import date, datetime

from django.conf import settings
from django.utils import timezone


def stored(moment: datetime) -> datetime:
    """A time as the project's columns take it. A naive time is one of the project's time zone."""
    if settings.USE_TZ:
        return timezone.make_aware(moment) if timezone.is_naive(moment) else moment
    return moment if timezone.is_naive(moment) else timezone.make_naive(moment, timezone.get_default_timezone())


def localtime(moment: datetime) -> datetime:
    """A time in the project's time zone; unchanged where the project uses none."""
    return timezone.localtime(moment) if timezone.is_aware(moment) else moment


def today() -> date:
    return localtime(timezone.now()).date()
