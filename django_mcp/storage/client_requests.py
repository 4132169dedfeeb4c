"""Requests of the server to a client: sent by the process that runs a tool, answered by a POST to any process.

A row holds the answer until the tool takes it. Every function is synchronous.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from django_mcp.conf import mcp_settings
from django_mcp.exceptions import TooManyClientRequests
from django_mcp.models import (
    ClientRequest,
    Session,
    label,
)

from .database import alias


def ask(session_pk: int, request_id: str, method: str) -> None:
    """Stores a request that waits for its answer. Raises `TooManyClientRequests`. Those of processes that died, which
    nobody deletes, count until their time is over.
    """
    rows = ClientRequest.objects.using(alias())
    since = timezone.now() - timedelta(seconds=mcp_settings.CLIENT_REQUEST_TIMEOUT_SECONDS)
    waiting = rows.filter(session_id=session_pk, answer__isnull=True, created_at__gt=since)
    if waiting[: mcp_settings.MAX_CLIENT_REQUESTS].count() >= mcp_settings.MAX_CLIENT_REQUESTS:
        raise TooManyClientRequests
    rows.create(session_id=session_pk, request_id=request_id, method=method)


def answer(session_pk: int, request_id: str | int, message: dict[str, Any]) -> bool:
    """Stores a client's answer for the waiting call. False when no call waits for it: it was answered, or never
    asked.
    """
    if label(request_id, 64) != request_id:
        return False  # None of ours, and maybe nothing that the database can compare.
    rows = ClientRequest.objects.using(alias()).filter(
        session_id=session_pk, request_id=request_id, answer__isnull=True
    )
    return rows.update(answer=message) > 0


@dataclass(frozen=True, slots=True)
class TakenAnswer:
    """The result of a look for an answer: the answer, if it has come; else whether the session is live, whether its
    client has a standalone stream, and when the session was last used.
    """

    answer: dict[str, Any] | None = None
    is_alive: bool = True
    has_stream: bool = False
    seen_at: datetime | None = None


def take_answer(session_pk: int, request_id: str) -> TakenAnswer:
    """Takes the answer to a request, or returns the state of its client."""
    row = ClientRequest.objects.using(alias()).filter(session_id=session_pk, request_id=request_id)
    message = row.values_list("answer", flat=True).first()
    if message is not None:
        return TakenAnswer(message)
    now = timezone.now()
    live = Session.objects.using(alias()).active(now).filter(pk=session_pk)
    session = live.values_list("stream_lease_until", "last_seen_at").first()
    if session is None:
        return TakenAnswer(is_alive=False)
    lease_until, seen_at = session
    return TakenAnswer(None, True, lease_until is not None and lease_until > now, seen_at)


def forget_request(session_pk: int, request_id: str) -> None:
    ClientRequest.objects.using(alias()).filter(session_id=session_pk, request_id=request_id).delete()
