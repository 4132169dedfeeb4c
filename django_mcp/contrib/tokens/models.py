"""The API tokens: their table, and its methods."""

import hashlib
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from django_mcp.authentication import principal_key
from django_mcp.signals import credential_ended

PREFIX: Final = "mcp_"
"""A prefix by which people and scanners recognise a token that was leaked."""

SHOWN: Final = len(PREFIX) + 6
USE_IS_NOTED_EVERY: Final = timedelta(minutes=5)


class TokenQuerySet(models.QuerySet["APIToken"]):
    def alive(self, now: datetime | None = None) -> "TokenQuerySet":
        """The valid tokens: not revoked, not expired, of an active user."""
        now = now or timezone.now()
        unexpired = models.Q(expires_at__isnull=True) | models.Q(expires_at__gt=now)
        # A custom user model may lack `is_active`: then all users count as active.
        active = {"user__is_active": True} if _users_have("is_active") else {}
        return self.filter(unexpired, revoked_at__isnull=True, **active)

    def bearing(self, text: str) -> "APIToken | None":
        """The valid token with this text, with its user."""
        return self.alive().select_related("user").filter(digest=digest_of(text)).first()


class APIToken(models.Model):
    """A token of a user. The token itself is not stored: `issue` returns it once.

    It has 256 random bits, so a plain SHA-256 protects it: it cannot be guessed.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", verbose_name=_("user")
    )
    name = models.CharField(_("name"), max_length=100, help_text=_("What it is for: the client, the machine."))
    start = models.CharField(
        _("beginning"), max_length=SHOWN, editable=False, help_text=_("How the token begins, to know it by.")
    )
    digest = models.CharField(max_length=64, unique=True, editable=False)
    scopes = models.CharField(
        _("scopes"), max_length=1000, blank=True, help_text=_("Separated by spaces. Empty: all that there are.")
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    last_used_at = models.DateTimeField(_("last used"), null=True, editable=False)
    revoked_at = models.DateTimeField(_("revoked"), null=True, editable=False)

    objects: ClassVar[Any] = TokenQuerySet.as_manager()

    class Meta:
        verbose_name = _("API token")
        verbose_name_plural = _("API tokens")
        ordering = ("-created_at", "-pk")

    def __str__(self) -> str:
        return f"{self.name} ({self.start}…)"

    @classmethod
    def issue(
        cls, user: Any, name: str, *, scopes: Iterable[str] = (), expires_at: datetime | None = None
    ) -> "tuple[APIToken, str]":
        """A new token: its row, and the token itself, which cannot be read again."""
        row = cls(user=user, name=name, scopes=" ".join(scopes), expires_at=expires_at)
        text = row.renew()
        row.save(force_insert=True)
        return row, text

    def renew(self) -> str:
        """Gives the row a new token, and returns it. Does not save the row."""
        text = f"{PREFIX}{secrets.token_urlsafe(32)}"
        self.start, self.digest = text[:SHOWN], digest_of(text)
        return text

    def revoke(self) -> None:
        """Revokes the token and, within seconds, ends the sessions and streams that were opened with it."""
        type(self).objects.filter(pk=self.pk, revoked_at__isnull=True).update(revoked_at=timezone.now())
        self.refresh_from_db(fields=["revoked_at"])
        credential_ended.send_robust(type(self), principal=principal_key(self.user, self.client_id))

    def note_use(self, now: datetime | None = None) -> None:
        """Stores the time of use, at most once in five minutes."""
        now = now or timezone.now()
        if self.last_used_at is None or now - self.last_used_at >= USE_IS_NOTED_EVERY:
            type(self).objects.filter(pk=self.pk).update(last_used_at=now)

    @property
    def client_id(self) -> str:
        """The client id of the token's sessions, which separates them from those of the user's other tokens."""
        return f"token-{self.pk}"

    @property
    def scope(self) -> str | None:
        """The scopes, as a credential has them; `None` if it is not limited."""
        return self.scopes or None

    @property
    def expires(self) -> datetime | None:
        return self.expires_at


def _users_have(name: str) -> bool:
    return any(field.name == name for field in get_user_model()._meta.get_fields())


def digest_of(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
