"""A client whose last token is gone: the sessions and streams that it opened end."""

from typing import Any

from django.db import router, transaction
from django.db.models.signals import post_delete, post_save
from django.utils import timezone
from oauth2_provider.models import get_access_token_model, get_refresh_token_model

from django_mcp.authentication import principal_key
from django_mcp.signals import credential_ended


def connect() -> None:
    """Connects the receivers; once, when the app is ready."""
    post_delete.connect(_token_ended, sender=get_access_token_model(), dispatch_uid="django_mcp")
    post_save.connect(_refresh_token_saved, sender=get_refresh_token_model(), dispatch_uid="django_mcp")


def _refresh_token_saved(*, instance: Any, **kwargs: Any) -> None:
    if instance.revoked is not None:
        _token_ended(instance=instance)


def _token_ended(*, instance: Any, **kwargs: Any) -> None:
    user, application = instance.user, instance.application
    if user is None or application is None:
        return

    def look() -> None:
        # When a token is refreshed the old one goes before the new one is there: what counts is what is committed.
        if not _has_token(user, application):
            credential_ended.send(type(instance), principal=principal_key(user, application.client_id))

    transaction.on_commit(look, using=router.db_for_write(type(instance)), robust=True)


def _has_token(user: Any, application: Any) -> bool:
    own = {"user": user, "application": application}
    alive = get_access_token_model().objects.filter(**own, expires__gt=timezone.now())
    lasting = get_refresh_token_model().objects.filter(**own, revoked__isnull=True)
    return bool(alive.exists() or lasting.exists())
