"""The resources that a session has subscribed to. Every function is synchronous."""

import hashlib

from django_mcp.models import (
    Subscription,
    label,
)

from .database import alias


def subscribe(session_pk: int, uri: str) -> None:
    """Has the session hear of a resource. The key tells it from others; the text is for people, so it can be stored."""
    Subscription.objects.using(alias()).get_or_create(
        session_id=session_pk, uri_key=uri_key(uri), defaults={"uri": label(uri, len(uri))}
    )


def unsubscribe(session_pk: int, uri: str) -> None:
    Subscription.objects.using(alias()).filter(session_id=session_pk, uri_key=uri_key(uri)).delete()


def uri_key(uri: str) -> str:
    return hashlib.sha256(uri.encode("utf-8", "surrogatepass")).hexdigest()
