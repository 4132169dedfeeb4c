"""From "something changed" to the streams that want to know: stored when the transaction commits, then rung for.

Works wherever Django does: in a view, a task queue's worker, a signal handler, a shell.
"""

from typing import Any

from django.db import router, transaction

from django_mcp.models import EVERYBODY, Session, to_json_text
from django_mcp.signals import credential_ended, server_changed, session_message, session_terminated

from .bus import bell
from .storage import events, sessions


def connect() -> None:
    """Connects the receivers; once, when the app is ready."""
    server_changed.connect(publish_change, dispatch_uid="django_mcp")
    session_message.connect(publish_message, dispatch_uid="django_mcp")
    session_terminated.connect(ring_terminated, dispatch_uid="django_mcp")
    credential_ended.connect(end_sessions, dispatch_uid="django_mcp")


def publish_change(*, server: str, method: str, uri: str, principal: str | None, **kwargs: Any) -> None:
    def publish() -> None:
        events.record_change(server, method, uri=uri, principal=EVERYBODY if principal is None else principal)
        bell.ring([bell.server_group(server)])

    _on_commit(publish)


def publish_message(*, session_pk: int, message: dict[str, Any], **kwargs: Any) -> None:
    text = to_json_text(message)

    def publish() -> None:
        events.publish(session_pk, text)
        bell.ring([bell.session_group(session_pk)])

    _on_commit(publish)


def ring_terminated(*, session_pk: int, **kwargs: Any) -> None:
    """The streams and calls of a session that has ended look, and end."""
    bell.ring([bell.session_group(session_pk), bell.calls_group(session_pk)])


def end_sessions(*, principal: str, **kwargs: Any) -> None:
    """The sessions of a principal whose credential was revoked are over; those of nobody in particular are not."""
    if principal:
        _on_commit(lambda: sessions.terminate_all(Session.objects.for_principal(principal)))


def _on_commit(publish: Any) -> None:
    transaction.on_commit(publish, using=router.db_for_write(Session), robust=True)
