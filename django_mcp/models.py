"""The tables: sessions, the events of their streams, and the changes of a server.

Two field types make columns work the same on every database.
"""

import json
import re
import secrets
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from django import forms
from django.apps import apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from django_mcp.signals import session_message

if TYPE_CHECKING:
    TextField = models.TextField[Any, Any]
    CharField = models.CharField[str, str]
else:
    TextField = models.TextField
    CharField = models.CharField

if not apps.is_installed("django_mcp"):
    # Django's own error names a model, and a project that imports an endpoint has not thought of one.
    raise ImproperlyConfigured('Add "django_mcp" to INSTALLED_APPS.')

to_json_text = json.JSONEncoder(separators=(",", ":"), ensure_ascii=True).encode


class JSONTextField(TextField):
    """JSON as ASCII text: reads return exactly what was written, on every database.

    Not a JSONField: JSON from clients may contain U+0000 and lone surrogates, which PostgreSQL's jsonb refuses, and
    characters outside the BMP, which a three-byte MySQL column refuses. Escaped, they are ASCII everywhere. No query
    looks inside the JSON.
    """

    description = _("JSON as ASCII text")

    # For django-stubs: the types for assigning and for reading.
    _pyi_private_set_type: Any
    _pyi_private_get_type: Any

    def from_db_value(self, value: str | None, expression: Any, connection: BaseDatabaseWrapper) -> Any:
        return None if value is None else json.loads(value)

    def get_prep_value(self, value: Any) -> str | None:
        return None if value is None else to_json_text(value)

    def to_python(self, value: Any) -> Any:
        """The value of JSON text (from a fixture or a form); a value of another type is returned as it is."""
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except ValueError as error:
            text = gettext("This is not JSON: %(error)s") % {"error": error}
            raise ValidationError(text, code="invalid") from error

    def value_to_string(self, obj: models.Model) -> str:
        return to_json_text(self.value_from_object(obj))

    def formfield(self, **kwargs: Any) -> forms.Field | None:
        return models.Field.formfield(self, **{"form_class": forms.JSONField, "widget": forms.Textarea} | kwargs)


class ExactCharField(CharField):
    """Text that equals only itself. MySQL and MariaDB compare "a", "A" and "a " as equal by default, which would merge
    two principals, and may have a smaller character set: so this field sets the column's collation there.
    """

    def db_parameters(self, connection: BaseDatabaseWrapper) -> Any:
        parameters = super().db_parameters(connection)
        if connection.vendor == "mysql":
            mariadb = getattr(connection, "mysql_is_mariadb", False)
            parameters["collation"] = "utf8mb4_nopad_bin" if mariadb else "utf8mb4_0900_bin"
        return parameters


# Of 43 characters: enough to recognise a session by, too few to use it, for logs and screens.
SHORT_ID_LENGTH = 8
UNPRINTABLE = re.compile(r"[^\u0020-\u007e\u00a0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]+")


def label(text: object, max_length: int) -> str:
    """Text from clients, ready for databases and pages: without control characters and surrogates, and truncated.
    Returns "" for values that are not text.
    """
    return UNPRINTABLE.sub("\ufffd", text)[:max_length] if isinstance(text, str) else ""


def new_session_id() -> str:
    """32 random bytes, URL-safe: 43 characters that need no escaping in a header."""
    return secrets.token_urlsafe(32)


class SessionQuerySet(models.QuerySet["Session"]):
    """Filters for the three states of a session (a session is in exactly one), and for its principal."""

    def active(self, now: datetime | None = None) -> Self:
        return self.filter(terminated_at__isnull=True, expires_at__gt=now or timezone.now())

    def expired(self, now: datetime | None = None) -> Self:
        return self.filter(terminated_at__isnull=True, expires_at__lte=now or timezone.now())

    def terminated(self) -> Self:
        return self.filter(terminated_at__isnull=False)

    def for_principal(self, principal: str) -> Self:
        return self.filter(principal=principal)


class Session(models.Model):
    """A client's session on a server, from `initialize` to its end. See storage/sessions.py for its functions.

    A row never becomes live again: terminated and expired sessions only wait for the purge. Terminating also sets
    `expires_at`, so this column is always the end of the session, and one index finds both live sessions and those to
    purge.
    """

    session_id = ExactCharField(_("session id"), max_length=43, default=new_session_id, editable=False)
    server = ExactCharField(_("server"), max_length=200)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="mcp_sessions",
        verbose_name=_("user"),
    )
    # The principal's key from authentication. "" is anonymous: every caller with the id may use the session.
    principal = ExactCharField(_("principal"), max_length=255, blank=True, default="")
    protocol_version = models.CharField(_("protocol version"), max_length=32)
    client_info = JSONTextField(_("client info"), default=dict)
    # A copy of client_info["name"], for lists and filters.
    client_name = ExactCharField(_("client"), max_length=100, blank=True, default="")
    client_capabilities = JSONTextField(_("client capabilities"), default=dict)
    # "" until the client sets a level.
    log_level = models.CharField(_("log level"), max_length=16, blank=True, default="")
    state = JSONTextField(_("state"), default=dict)
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    last_seen_at = models.DateTimeField(_("last seen"), default=timezone.now)
    expires_at = models.DateTimeField(_("expires"))
    terminated_at = models.DateTimeField(_("terminated"), null=True, blank=True)
    # A hash of the user's password when the session was opened: changing the password ends the session.
    auth_hash = models.CharField(max_length=128, blank=True, default="", editable=False)
    # The connection that has the standalone stream, the end of its lease, and its position.
    stream_holder = models.CharField(max_length=32, blank=True, default="", editable=False)
    stream_lease_until = models.DateTimeField(null=True, blank=True, editable=False)
    stream_position = models.CharField(max_length=64, blank=True, default="0.0", editable=False)

    objects = SessionQuerySet.as_manager()

    class Meta:
        verbose_name = _("session")
        verbose_name_plural = _("sessions")
        # Not unique=True on the field, which adds a second, unused index on PostgreSQL.
        constraints = (models.UniqueConstraint(fields=["session_id"], name="mcp_session_id_unique"),)
        indexes = (
            # For live sessions and for the purge: both filter by a range of this time.
            models.Index(fields=["expires_at"], name="mcp_session_expires"),
            # For the live sessions of a principal.
            models.Index(fields=["principal", "expires_at"], name="mcp_session_principal"),
        )
        default_permissions = ("view", "terminate")
        permissions = (("look_as_user", "Can look at an endpoint's page as another user"),)

    def __str__(self) -> str:
        return gettext("%(session)s on %(server)s") % {"session": self.short_id, "server": self.server}

    @property
    def short_id(self) -> str:
        """The beginning of the session id, for people and logs."""
        return f"{self.session_id[:SHORT_ID_LENGTH]}…"

    def send(self, method: str, params: dict[str, Any] | None = None) -> None:
        """Sends a notification to the session's client, on its standalone stream: now, or when the client next opens
        it. On commit.
        """
        message = {"jsonrpc": "2.0", "method": method} | ({"params": params} if params else {})
        to_json_text(message)  # Raises here for what is not JSON: in a receiver it would only be logged.
        session_message.send_robust(sender=Session, session_pk=self.pk, message=message)

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


class Stream(models.Model):
    """The stream of one POST; the row exists once a client may resume or cancel it.

    The process that runs the request renews `lease_until`; after that time, the process counts as dead and the stream
    as ended.
    """

    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="streams")
    key = ExactCharField(max_length=32)
    # The JSON-RPC id as JSON text, because 1 and "1" are different ids.
    request_id = ExactCharField(max_length=1600)
    lease_until = models.DateTimeField()
    cancelled_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("stream")
        verbose_name_plural = _("streams")
        constraints = (models.UniqueConstraint(fields=["session", "key"], name="mcp_stream_unique"),)
        default_permissions = ()

    def __str__(self) -> str:
        return self.key


class Event(models.Model):
    """One event of a stream: stored before it is sent, so that it can be sent again. `message` is "" for a priming
    event.
    """

    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="events", db_index=False)
    stream = ExactCharField(max_length=32)
    sequence = models.PositiveBigIntegerField()
    message = models.TextField(blank=True)
    is_last = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        constraints = (models.UniqueConstraint(fields=["session", "stream", "sequence"], name="mcp_event_unique"),)
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.stream}:{self.sequence}"


class ClientRequest(models.Model):
    """A request of the server to a client, and the answer when any process has received it."""

    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="client_requests", db_index=False)
    request_id = ExactCharField(max_length=64)
    method = models.CharField(max_length=64)
    answer = JSONTextField(null=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("request to a client")
        verbose_name_plural = _("requests to clients")
        constraints = (models.UniqueConstraint(fields=["session", "request_id"], name="mcp_client_request_unique"),)
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.method} {self.request_id}"


class Subscription(models.Model):
    """A resource to whose changes a session has subscribed. `uri_key` is the URI's SHA-256, because a URI may be too
    long for an index.
    """

    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="subscriptions", db_index=False)
    uri = models.TextField()
    uri_key = models.CharField(max_length=64)

    class Meta:
        verbose_name = _("subscription")
        verbose_name_plural = _("subscriptions")
        constraints = (models.UniqueConstraint(fields=["session", "uri_key"], name="mcp_subscription_unique"),)
        default_permissions = ()

    def __str__(self) -> str:
        return self.uri


EVERYBODY = "*"


def concerns(whose: str, principal: str) -> bool:
    """Whether a change of the lists of `whose` concerns a principal: a change for a user concerns all of the user's
    clients.
    """
    return whose in (EVERYBODY, principal) or principal.startswith(f"{whose}:client:")


class Change(models.Model):
    """A change of a server: of a list, or of a resource. Written once, and read by all streams of the server.

    `sequence` numbers the changes of a server without gaps; no number becomes visible before the number below it.
    """

    server = ExactCharField(max_length=200)
    sequence = models.PositiveBigIntegerField()
    method = models.CharField(max_length=64)
    uri = models.TextField(blank=True)
    # The principal whose lists changed, or everybody.
    principal = ExactCharField(max_length=255, default=EVERYBODY)
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["server", "sequence"], name="mcp_change_unique"),)
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.server}:{self.sequence} {self.method}"


class Upkeep(models.Model):
    """The time at which a job of upkeep last ran, in any process."""

    job = ExactCharField(max_length=32, unique=True)
    ran_at = models.DateTimeField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.job


class SpentState(models.Model):
    """A request state that a call has used up: it cannot be used again before it expires."""

    digest = models.CharField(max_length=64, unique=True)
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.digest
