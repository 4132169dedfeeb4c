"""The tables of the operators: switches and their edition, running calls, and counts of calls by minute and hour."""

import hashlib
from datetime import datetime
from typing import Any, ClassVar, Final

from django.conf import settings
from django.db import models, router
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from django_mcp.models import ExactCharField, JSONTextField, Session

KINDS: Final = {
    "tool": _("tool"),
    "resource": _("resource"),
    "prompt": _("prompt"),
    "server": _("server"),
    "user": _("user"),
    "client": _("client"),
    "principal": _("principal"),
    "token": _("token"),
}
"""The kinds of targets of a switch."""

CALLERS: Final = frozenset({"user", "client", "principal", "token"})
"""The kinds that refuse a caller."""


class Switch(models.Model):
    """The switch of one target, which stops a primitive, a server or a caller. A target has one row for ever, so that
    its history stays in one place. `version` counts the changes.
    """

    kind = models.CharField(_("kind"), max_length=16, choices=list(KINDS.items()))
    # "" stops the target on every server.
    server = ExactCharField(
        _("server"), max_length=200, blank=True, default="", help_text=_("The name of a server; empty: every server.")
    )
    name = ExactCharField(
        _("name"),
        max_length=1000,
        blank=True,
        help_text=_(
            "A tool or prompt by its name, a resource by its URI, a user by the name that the user signs in with, a "
            "client by its id, a principal by its key, a token by its id. Empty for a server."
        ),
    )
    # The target's name for people: for a user, the name that the user signs in with.
    label = models.CharField(_("target"), max_length=255, blank=True, editable=False)
    # The SHA-256 of kind, server and name, because the name is too long for a unique index.
    target = models.CharField(max_length=64, editable=False)
    reason = models.CharField(_("reason"), max_length=500, help_text=_("Clients and their models read it."))
    is_stopped = models.BooleanField(_("stopped"), default=False, editable=False)
    until = models.DateTimeField(_("until"), null=True, blank=True, help_text=_("Empty: until it is started again."))
    cancels = models.BooleanField(_("cancel running calls"), default=False)
    stopped_at = models.DateTimeField(_("stopped at"), null=True, editable=False)
    stopped_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="+",
        verbose_name=_("stopped by"),
    )
    version = models.PositiveIntegerField(default=0, editable=False)

    objects: ClassVar[Any] = models.Manager()

    class Meta:
        verbose_name = _("switch")
        verbose_name_plural = _("switches")
        constraints = (models.UniqueConstraint(fields=["target"], name="mcp_switch_target_unique"),)
        ordering = ("-is_stopped", "-stopped_at", "-pk")
        default_permissions = ("view",)
        permissions = (("throw_switch", "Can stop and start tools, servers and callers"),)

    def __str__(self) -> str:
        words = {"kind": self.get_kind_display(), "name": self.label, "server": self.server}
        return (gettext("%(kind)s %(name)s on %(server)s") if self._has_place else "%(kind)s %(name)s") % words

    @property
    def in_english(self) -> str:
        """The target for models, commands and logs."""
        return f"{self.kind} {self.label}{f' on {self.server}' if self._has_place else ''}"

    @property
    def _has_place(self) -> bool:
        return bool(self.server) and self.kind != "server"

    def is_off(self, now: datetime | None = None) -> bool:
        """Whether the target is stopped: its time is not over."""
        return self.is_stopped and (self.until is None or self.until > (now or timezone.now()))


def target_of(kind: str, server: str, name: str) -> str:
    """The key of a target."""
    return hashlib.sha256("\x1f".join((kind, server, name)).encode("utf-8", "surrogatepass")).hexdigest()


class Edition(models.Model):
    """The number of changes of the switches, in one row: a process compares it with its own. `announced` is the last
    edition of which clients were told after every process had read it.
    """

    number = models.PositiveBigIntegerField(default=0)
    announced = models.PositiveBigIntegerField(default=0)

    objects: ClassVar[Any] = models.Manager()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.number)


class Process(models.Model):
    """A process that serves. It writes its counts every few seconds; one that does not is dead."""

    name = models.CharField(_("name"), max_length=100, unique=True)
    started_at = models.DateTimeField(_("started"), default=timezone.now)
    seen_at = models.DateTimeField(_("seen"), default=timezone.now, db_index=True)
    running = models.PositiveIntegerField(_("calls"), default=0)
    streams = models.PositiveIntegerField(_("streams"), default=0)

    objects: ClassVar[Any] = models.Manager()

    class Meta:
        verbose_name = _("process")
        verbose_name_plural = _("processes")
        default_permissions = ()

    def __str__(self) -> str:
        return self.name


class RunningCall(models.Model):
    """A call that has run for longer than a second, and still runs. Its process deletes the row at its end."""

    process = models.ForeignKey(Process, on_delete=models.CASCADE, verbose_name=_("process"))
    # The call's number in its process.
    number = models.PositiveBigIntegerField(_("number"))
    started_at = models.DateTimeField(_("started"))
    server = ExactCharField(_("server"), max_length=200)
    method = models.CharField(_("method"), max_length=32)
    name = ExactCharField(_("name"), max_length=255)
    principal = ExactCharField(_("principal"), max_length=255)
    user_name = models.CharField(_("user"), max_length=150)
    client_name = models.CharField(_("client"), max_length=100)
    session_pk = models.BigIntegerField(_("session"), null=True)
    cancel_asked_at = models.DateTimeField(_("cancel asked"), null=True)

    objects: ClassVar[Any] = models.Manager()

    class Meta:
        verbose_name = _("running call")
        verbose_name_plural = _("running now")
        constraints = (models.UniqueConstraint(fields=["process", "number"], name="mcp_running_call_unique"),)
        default_permissions = ("view",)
        permissions = (("cancel_runningcall", "Can cancel running calls"),)

    def __str__(self) -> str:
        return f"{self.method} {self.name}"


MINUTE: Final = 60
HOUR: Final = 3600


class Rollup(models.Model):
    """The counts of one thing in one minute or hour: of a tool on a server, a user, a client or a revision.

    `seconds` is the length of the time. `buckets` counts the calls of a tool by their duration (see histogram.py).
    """

    at = models.DateTimeField()
    seconds = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=8)
    server = ExactCharField(max_length=200, blank=True)
    key = ExactCharField(max_length=255)
    calls = models.PositiveBigIntegerField()
    errors = models.PositiveBigIntegerField()
    buckets = JSONTextField(default=list)

    objects: ClassVar[Any] = models.Manager()

    class Meta:
        verbose_name = _("overview")
        verbose_name_plural = _("overview")
        indexes = (models.Index(fields=["seconds", "at"], name="mcp_rollup_at"),)
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"{self.kind} {self.key} {self.at}"


class RollupMark(models.Model):
    """How far the calls are counted, in one row: all up to the primary key `counted`.

    `seen` was the newest key at `seen_at`. A row gets its key before its transaction ends, so a key is `settled`, and
    may be counted, some time after it was seen.
    """

    counted = models.BigIntegerField(default=0)
    settled = models.BigIntegerField(default=0)
    seen = models.BigIntegerField(default=0)
    seen_at = models.DateTimeField(null=True)

    objects: ClassVar[Any] = models.Manager()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.counted)


class MissingCapability(models.Model):
    """A report of a model that it needed something which no tool does."""

    reported_at = models.DateTimeField(_("reported"), default=timezone.now, db_index=True)
    server = ExactCharField(_("server"), max_length=200)
    principal = ExactCharField(_("principal"), max_length=255, db_index=True)
    user_name = models.CharField(_("user"), max_length=150)
    client_name = models.CharField(_("client"), max_length=100)
    wanted = models.CharField(_("wanted"), max_length=500)
    why = models.CharField(_("for what"), max_length=1000, blank=True)

    objects: ClassVar[Any] = models.Manager()

    class Meta:
        verbose_name = _("missing capability")
        verbose_name_plural = _("missing capabilities")
        ordering = ("-pk",)
        default_permissions = ("view", "delete")

    def __str__(self) -> str:
        return self.wanted


class OperatedSession(Session):
    """The permissions for what the operators' page of sessions adds."""

    class Meta:
        proxy = True
        verbose_name = _("session")
        verbose_name_plural = _("sessions")
        default_permissions = ()
        permissions = (
            ("view_session_payload", "Can view the state and the capabilities of sessions"),
            ("close_session_streams", "Can close the streams of sessions"),
            ("message_session", "Can send messages to the clients of sessions"),
        )


def alias() -> str:
    """The database of the operators' tables."""
    return router.db_for_write(Switch)
