"""Requests of the server's to a client: asked by the process that runs a tool, answered by a POST to any process.

A row waits for its answer until the tool takes it. Every function is synchronous."""

from typing import Any

from django_mcp.conf import mcp_settings
from django_mcp.exceptions import TooManyClientRequests
from django_mcp.models import (
    ClientRequest,
    Session,
    label,
)

from .database import alias


def ask(session_pk: int, request_id: str, method: str) -> None:
    """Notes that an answer is waited for. Raises `TooManyClientRequests`."""
    rows = ClientRequest.objects.using(alias())
    waiting = rows.filter(session_id=session_pk, answer__isnull=True)
    if waiting[: mcp_settings.MAX_CLIENT_REQUESTS].count() >= mcp_settings.MAX_CLIENT_REQUESTS:
        raise TooManyClientRequests
    rows.create(session_id=session_pk, request_id=request_id, method=method)


def answer(session_pk: int, request_id: str | int, message: dict[str, Any]) -> bool:
    """Keeps a client's answer for whoever waits for it. False when nobody does: it was answered, or never asked."""
    if label(request_id, 64) != request_id:
        return False  # None of ours, and maybe nothing that the database can compare.
    rows = ClientRequest.objects.using(alias()).filter(
        session_id=session_pk, request_id=request_id, answer__isnull=True
    )
    return rows.update(answer=message) > 0


def take_answer(session_pk: int, request_id: str) -> tuple[bool, dict[str, Any] | None]:
    """Whether the session still lives, and the answer if it has come."""
    row = ClientRequest.objects.using(alias()).filter(session_id=session_pk, request_id=request_id)
    found = row.values_list("answer", flat=True).first()
    if found is not None:
        return True, found
    return Session.objects.using(alias()).active().filter(pk=session_pk).exists(), None


def forget_request(session_pk: int, request_id: str) -> None:
    ClientRequest.objects.using(alias()).filter(session_id=session_pk, request_id=request_id).delete()
