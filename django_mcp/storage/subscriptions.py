"""The resources that a session has subscribed to. Every function is synchronous."""

import hashlib
from typing import Final

from django_mcp.conf import mcp_settings
from django_mcp.exceptions import TooManySubscriptions
from django_mcp.models import (
    Subscription,
    label,
)

from .database import alias

LABEL_LENGTH: Final = 1000
"""The number of a URI's characters that are stored for people."""


def subscribe(session_pk: int, uri: str) -> None:
    """Subscribes the session to a resource. The key identifies the URI; the stored text is for people. Raises
    TooManySubscriptions.
    """
    rows, key = Subscription.objects.using(alias()).filter(session_id=session_pk), uri_key(uri)
    limit = mcp_settings.MAX_SUBSCRIPTIONS_PER_SESSION
    if rows[:limit].count() >= limit and not rows.filter(uri_key=key).exists():
        raise TooManySubscriptions(limit)
    rows.get_or_create(session_id=session_pk, uri_key=key, defaults={"uri": label(uri, LABEL_LENGTH)})


def unsubscribe(session_pk: int, uri: str) -> None:
    Subscription.objects.using(alias()).filter(session_id=session_pk, uri_key=uri_key(uri)).delete()


def uri_key(uri: str) -> str:
    return hashlib.sha256(uri.encode("utf-8", "surrogatepass")).hexdigest()
