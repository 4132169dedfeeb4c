"""The Session row, and the two kinds of column that make it mean the same on every database."""

import json
import re
import secrets
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone

if TYPE_CHECKING:
    TextField = models.TextField[Any, Any]
    CharField = models.CharField[str, str]
else:
    TextField = models.TextField
    CharField = models.CharField

to_json_text = json.JSONEncoder(separators=(",", ":"), ensure_ascii=True).encode


class JSONTextField(TextField):
    """JSON, as ASCII text: it gives back exactly what went in, whatever the database.

    Not a JSONField, because JSON from the wire may hold U+0000 and lone surrogates, which PostgreSQL's jsonb refuses,
    and characters outside the BMP, which a three-byte MySQL column refuses. Escaped, they are plain ASCII everywhere.
    Nothing asks the database to look inside.
    """

    description = "JSON as ASCII text"

    # For django-stubs: what may be assigned, and what is read.
    _pyi_private_set_type: Any
    _pyi_private_get_type: Any

    def from_db_value(self, value: str | None, expression: Any, connection: BaseDatabaseWrapper) -> Any:
        return None if value is None else json.loads(value)

    def get_prep_value(self, value: Any) -> str | None:
        return None if value is None else to_json_text(value)

    def to_python(self, value: Any) -> Any:
        """The value of JSON text (from a fixture or a form); anything but text is a value already."""
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except ValueError as error:
            raise ValidationError(f"This is not JSON: {error}", code="invalid") from error

    def value_to_string(self, obj: models.Model) -> str:
        return to_json_text(self.value_from_object(obj))

    def formfield(self, **kwargs: Any) -> forms.Field | None:
        return models.Field.formfield(self, **{"form_class": forms.JSONField, "widget": forms.Textarea} | kwargs)


class ExactCharField(CharField):
    """Text of any characters, equal to itself only. It takes saying so in MySQL and MariaDB, where otherwise "a", "A"
    and "a " are the same, and so would be two principals, and where the database may be one of fewer characters."""

    def db_parameters(self, connection: BaseDatabaseWrapper) -> Any:
        parameters = super().db_parameters(connection)
        if connection.vendor == "mysql":
            mariadb = getattr(connection, "mysql_is_mariadb", False)
            parameters["collation"] = "utf8mb4_nopad_bin" if mariadb else "utf8mb4_0900_bin"
        return parameters


# Of 43 characters, enough to recognise a session by, and of no use to whoever reads them in a log or on a screen.
SHORT_ID_LENGTH = 8
UNPRINTABLE = re.compile(r"[^\u0020-\u007e\u00a0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]+")


def label(text: object, max_length: int) -> str:
    """Text from the wire as databases store it and pages show it: without control characters and surrogates, and cut
    to length. "" for what is not text."""
    return UNPRINTABLE.sub("\ufffd", text)[:max_length] if isinstance(text, str) else ""


def new_session_id() -> str:
    """32 random bytes, URL-safe: 43 characters, none of which needs escaping in a header."""
    return secrets.token_urlsafe(32)


class SessionQuerySet(models.QuerySet["Session"]):
    """The three states a session can be in, which are never two at once, and whose it is."""

    def active(self, now: datetime | None = None) -> Self:
        return self.filter(terminated_at__isnull=True, expires_at__gt=now or timezone.now())

    def expired(self, now: datetime | None = None) -> Self:
        return self.filter(terminated_at__isnull=True, expires_at__lte=now or timezone.now())

    def terminated(self) -> Self:
        return self.filter(terminated_at__isnull=False)

    def for_principal(self, principal: str) -> Self:
        return self.filter(principal=principal)


class Session(models.Model):
    """What a server remembers of one client between `initialize` and the end. See sessions.py for its verbs.

    A row is never brought back: once terminated or expired it only waits for the purge. Terminating also sets
    `expires_at`, which so is when the session ends, however it ends: one index finds the live ones and those to purge.
    """

    session_id = ExactCharField(max_length=43, default=new_session_id, editable=False)
    server = ExactCharField(max_length=200)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE, related_name="mcp_sessions"
    )
    # Who may use it, as authentication says it; "" is anybody who has the id.
    principal = ExactCharField(max_length=255, blank=True, default="")
    protocol_version = models.CharField(max_length=32)
    client_info = JSONTextField(default=dict)
    # client_info["name"] again, for lists and filters.
    client_name = ExactCharField("client", max_length=100, blank=True, default="")
    client_capabilities = JSONTextField(default=dict)
    # "" until the client has set one.
    log_level = models.CharField(max_length=16, blank=True, default="")
    state = JSONTextField(default=dict)
    created_at = models.DateTimeField("created", default=timezone.now)
    last_seen_at = models.DateTimeField("last seen", default=timezone.now)
    expires_at = models.DateTimeField("expires")
    terminated_at = models.DateTimeField("terminated", null=True, blank=True)

    objects = SessionQuerySet.as_manager()

    class Meta:
        # Not unique=True on the field, which on PostgreSQL adds a second index that nothing reads.
        constraints = (models.UniqueConstraint(fields=["session_id"], name="mcp_session_id_unique"),)
        indexes = (
            # The live ones, and the purge: both are one range of the time at which a session ends.
            models.Index(fields=["expires_at"], name="mcp_session_expires"),
            # The live ones of a principal.
            models.Index(fields=["principal", "expires_at"], name="mcp_session_principal"),
        )
        default_permissions = ("view", "terminate")

    def __str__(self) -> str:
        return f"{self.short_id} on {self.server}"

    @property
    def short_id(self) -> str:
        """What people and logs see of the session id."""
        return f"{self.session_id[:SHORT_ID_LENGTH]}…"

    @property
    def is_terminated(self) -> bool:
        return self.terminated_at is not None

    @property
    def is_expired(self) -> bool:
        return not self.is_terminated and self.expires_at <= timezone.now()

    @property
    def is_active(self) -> bool:
        return not self.is_terminated and self.expires_at > timezone.now()

    @property
    def status(self) -> str:
        """One of "live", "expired" and "terminated"."""
        if self.is_terminated:
            return "terminated"
        return "live" if self.is_active else "expired"
