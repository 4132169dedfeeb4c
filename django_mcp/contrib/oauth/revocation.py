"""Terminates the sessions and streams of a client when its last token or the client itself is deleted."""

from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ObjectDoesNotExist
from django.db import router, transaction
from django.db.models.signals import post_delete, post_save, pre_delete
from django.utils import timezone
from oauth2_provider.models import get_access_token_model, get_application_model, get_refresh_token_model
from oauth2_provider.settings import oauth2_settings

from django_mcp.authentication import principal_key
from django_mcp.signals import credential_ended


def connect() -> None:
    """Connects the receivers; called once, when the app is ready."""
    post_delete.connect(_token_ended, sender=get_access_token_model(), dispatch_uid="django_mcp")
    pre_delete.connect(_client_ends, sender=get_application_model(), dispatch_uid="django_mcp")
    post_save.connect(_refresh_token_saved, sender=get_refresh_token_model(), dispatch_uid="django_mcp")


def _refresh_token_saved(*, instance: Any, **kwargs: Any) -> None:
    if instance.revoked is not None:
        _token_ended(instance=instance)


def _client_ends(*, instance: Any, **kwargs: Any) -> None:
    of_client = {"application": instance.pk}
    holders = {
        pk
        for model in (get_access_token_model(), get_refresh_token_model())
        for pk in model.objects.filter(**of_client, user__isnull=False).values_list("user", flat=True).distinct()
    }
    for user in get_user_model()._default_manager.filter(pk__in=holders):
        _end(instance, principal_key(user, instance.client_id))


def _end(ended: Any, principal: str) -> None:
    def send() -> None:
        credential_ended.send_robust(type(ended), principal=principal)

    transaction.on_commit(send, using=router.db_for_write(type(ended)), robust=True)


def _token_ended(*, instance: Any, **kwargs: Any) -> None:
    try:
        user, application = instance.user, instance.application
    except ObjectDoesNotExist:
        # A token that is deleted with its user needs nothing: the user's sessions are deleted too. One deleted with its
        # client is handled above.
        return
    if user is None or application is None:
        return

    def look() -> None:
        # Refreshing deletes the old token before the new one exists, so check after the commit.
        if not has_token(user, application):
            credential_ended.send_robust(type(instance), principal=principal_key(user, application.client_id))

    transaction.on_commit(look, using=router.db_for_write(type(instance)), robust=True)


def has_token(user: Any, application: Any) -> bool:
    """Whether a client has a valid access token of a user, or a refresh token to get one with."""
    of_both = {"user": user, "application": application}
    # A client that its user has registered has a token for changing its registration, which does not count.
    for_registration = {"scope": oauth2_settings.DCR_REGISTRATION_SCOPE}
    alive = get_access_token_model().objects.filter(**of_both, expires__gt=timezone.now()).exclude(**for_registration)
    lasting = get_refresh_token_model().objects.filter(**of_both, revoked__isnull=True)
    return bool(alive.exists() or lasting.exists())
