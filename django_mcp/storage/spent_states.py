"""The request states that calls have used up: each is good for one call of a tool that changes something.

A row is kept until its state would have expired, and is then purged. Every function is synchronous.
"""

import hashlib
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.utils import timezone

from django_mcp.conf import mcp_settings
from django_mcp.models import SpentState

from . import sweep
from .database import alias


def spend(nonce: str) -> bool:
    """Marks a state as used. False when any process has used it before."""
    expires_at = timezone.now() + timedelta(seconds=mcp_settings.REQUEST_STATE_TTL_SECONDS)
    try:
        with transaction.atomic(using=alias()):
            SpentState.objects.using(alias()).create(digest=_digest(nonce), expires_at=expires_at)
    except IntegrityError:
        return False
    sweep.consider()
    return True


def _digest(nonce: str) -> str:
    return hashlib.sha256(nonce.encode()).hexdigest()
