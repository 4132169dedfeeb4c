"""The table of tasks."""

import secrets
from datetime import datetime
from typing import Any, ClassVar, Final, Self

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from django_mcp.models import ExactCharField, JSONTextField

MESSAGE_LENGTH: Final = 500
"""The longest message of a task's progress, in characters; the rest is cut off."""


class Status(models.TextChoices):
    """The states of the specification. The last three are final."""

    WORKING = "working", _("working")
    INPUT_REQUIRED = "input_required", _("input required")
    COMPLETED = "completed", _("completed")
    FAILED = "failed", _("failed")
    CANCELLED = "cancelled", _("cancelled")


UNFINISHED: Final = (Status.WORKING, Status.INPUT_REQUIRED)


def new_task_id() -> str:
    """24 random bytes, URL-safe: nobody can guess one, and it needs no escaping in a header."""
    return secrets.token_urlsafe(24)


class TaskQuerySet(models.QuerySet["Task"]):
    """Filters for the states in which a row waits for something."""

    def unfinished(self) -> Self:
        return self.filter(status__in=UNFINISHED)

    def live(self, now: datetime | None = None) -> Self:
        """Those whose time is not over: clients may still ask for them."""
        return self.filter(expires_at__gt=now or timezone.now())

    def left_by_dead_workers(self, now: datetime | None = None) -> Self:
        """Those whose worker has not renewed its lease."""
        return self.filter(status=Status.WORKING, lease_until__lte=now or timezone.now())

    def queued_since(self, before: datetime) -> Self:
        """Those that were queued before a time, and that no worker has taken."""
        return self.filter(status=Status.WORKING, started_at__isnull=True, queued_at__lte=before)


class Task(models.Model):
    """A call of a tool that a worker makes. See storage.py for its functions.

    A task that is `working` is queued until `started_at` is set; then a worker has it, until `lease_until` unless it
    renews that. `run` numbers the jobs in the queue: a job of an earlier number finds nothing to do.
    """

    task_id = ExactCharField(_("task id"), max_length=43, default=new_task_id, editable=False)
    server = ExactCharField(_("server"), max_length=200)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="mcp_tasks",
        verbose_name=_("user"),
    )
    # The key of the principal ("" is anonymous), and of the account for which its tasks are counted.
    principal = ExactCharField(_("principal"), max_length=255, blank=True, default="")
    account = ExactCharField(max_length=255, blank=True, default="")
    # The client id, the scopes, the token's id and its authenticator. Never the token.
    credential = JSONTextField(default=dict)
    client_info = JSONTextField(default=dict)
    client_capabilities = JSONTextField(default=dict)
    tool = ExactCharField(_("tool"), max_length=128)
    arguments = JSONTextField(default=dict)
    is_repeatable = models.BooleanField(_("repeatable"), default=False)
    status = models.CharField(_("status"), max_length=16, choices=Status.choices, default=Status.WORKING)
    message = models.TextField(_("message"), blank=True, default="")
    result = JSONTextField(null=True)
    error = JSONTextField(null=True)
    # The questions that the client has not answered: {"key on the wire": {"key": the tool's, "request": {…}}}.
    outstanding = JSONTextField(default=dict)
    # All keys of questions that there have been: none is used twice.
    used_keys = JSONTextField(default=list)
    answers = JSONTextField(default=dict)
    state = JSONTextField(null=True)
    round = models.PositiveIntegerField(_("round"), default=0)
    run = models.PositiveIntegerField(_("run"), default=0)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    poll_milliseconds = models.PositiveIntegerField(default=2000)
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    updated_at = models.DateTimeField(_("updated"), default=timezone.now)
    expires_at = models.DateTimeField(_("expires"))
    queued_at = models.DateTimeField(_("queued"), default=timezone.now)
    started_at = models.DateTimeField(_("started"), null=True, blank=True)
    lease_until = models.DateTimeField(_("lease until"), null=True, blank=True)
    cancel_requested_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[Any] = TaskQuerySet.as_manager()

    class Meta:
        verbose_name = _("task")
        verbose_name_plural = _("tasks")
        constraints = (models.UniqueConstraint(fields=["task_id"], name="mcp_task_unique"),)
        indexes = (
            models.Index(fields=["expires_at"], name="mcp_task_expires"),
            # For the limits of an account.
            models.Index(fields=["account", "status"], name="mcp_task_account"),
            # For the tasks that dead workers left, and those that wait in the queue.
            models.Index(fields=["status", "lease_until"], name="mcp_task_lease"),
        )
        default_permissions = ("view", "cancel")

    def __str__(self) -> str:
        return f"{self.tool} ({self.short_id})"

    @property
    def short_id(self) -> str:
        """The beginning of the id, for people and logs."""
        return f"{self.task_id[:8]}…"

    @property
    def is_finished(self) -> bool:
        return self.status not in UNFINISHED

    @property
    def is_queued(self) -> bool:
        return self.status == Status.WORKING and self.started_at is None

    @property
    def ttl_milliseconds(self) -> int:
        return round((self.expires_at - self.created_at).total_seconds() * 1000)
