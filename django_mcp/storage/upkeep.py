"""The time at which each job of upkeep last ran, for the whole deployment: one row for each job.

Every function is synchronous.
"""

from datetime import datetime, timedelta
from typing import Final

from django.db import IntegrityError, transaction
from django.utils import timezone

from django_mcp.models import Upkeep

from .database import alias

PURGE: Final = "purge"
"""A purge by command or task, which has deleted all that had ended or aged."""

SWEEP: Final = "sweep"
"""The beginning of a sweep."""

SWEPT: Final = "swept"
"""A sweep that left nothing behind."""


def claim(job: str, seconds: float, now: datetime | None = None) -> bool:
    """Whether this caller is the one that runs a job now: nobody has claimed it for so many seconds. Of any number of
    processes that ask at once, one is told True.
    """
    now = now or timezone.now()
    rows = Upkeep.objects.using(alias()).filter(job=job)
    if rows.filter(ran_at__lte=now - timedelta(seconds=seconds)).update(ran_at=now):
        return True
    if rows.exists():
        return False
    try:
        with transaction.atomic(using=alias()):
            Upkeep.objects.using(alias()).create(job=job, ran_at=now)
    except IntegrityError:
        return False
    return True


def note(job: str, now: datetime | None = None) -> None:
    """Writes that a job has run."""
    Upkeep.objects.using(alias()).update_or_create(job=job, defaults={"ran_at": now or timezone.now()})


def last_run(*jobs: str) -> datetime | None:
    """The time at which the latest of these jobs ran; None when none has run."""
    rows = Upkeep.objects.using(alias()).filter(job__in=jobs)
    return max(rows.values_list("ran_at", flat=True), default=None)
