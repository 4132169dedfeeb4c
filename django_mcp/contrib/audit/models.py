"""The audited calls: their table.

It refers to no other table, so that it may be in a database of its own, and rows outlive the users and sessions that
they name.
"""

from typing import Any, ClassVar, Final

from django.db import models
from django.utils.translation import gettext_lazy as _

from django_mcp.models import ExactCharField, JSONTextField

OUTCOMES: Final = (
    ("ok", _("OK")),
    ("dry_run", _("Dry run")),
    ("input_required", _("Input required")),
    ("tool_error", _("Tool error")),
    ("invalid", _("Invalid")),
    ("unknown", _("Unknown")),
    ("forbidden", _("Forbidden")),
    ("throttled", _("Throttled")),
    ("over_budget", _("Over budget")),
    ("cancelled", _("Cancelled")),
    ("failed", _("Failed")),
)
"""The outcomes of `django_mcp.observers.CallOutcome`, for people."""

FAILURES: Final = frozenset({"tool_error", "invalid", "unknown", "forbidden", "throttled", "over_budget", "failed"})
"""The outcomes that an operator looks at first."""


class Call(models.Model):
    """A call, as its observer saw it. Written once, and never changed.

    `user_pk` and `user_name` are those of the time of the call. `session_pk` is the session's primary key;
    `session_start` the part of its id that may be shown. `key` is the same for all rounds of one call.
    """

    started_at = models.DateTimeField(_("started at"), db_index=True)
    seconds = models.FloatField(_("seconds"))
    method = models.CharField(_("method"), max_length=32)
    name = ExactCharField(_("name"), max_length=255)
    outcome = models.CharField(_("outcome"), max_length=16, choices=OUTCOMES)
    error_class = models.CharField(_("error class"), max_length=100)
    error_code = models.IntegerField(_("error code"), null=True)
    message = models.CharField(_("message"), max_length=500)
    user_pk = ExactCharField(_("user id"), max_length=64)
    user_name = models.CharField(_("user"), max_length=150)
    principal = ExactCharField(_("principal"), max_length=255)
    client_id = ExactCharField(_("client id"), max_length=255)
    token_id = ExactCharField(_("token id"), max_length=255)
    client_name = models.CharField(_("client"), max_length=100)
    client_version = models.CharField(_("client version"), max_length=40)
    server = ExactCharField(_("server"), max_length=100)
    path = models.CharField(_("path"), max_length=200)
    lane = models.CharField(_("lane"), max_length=8)
    era = models.CharField(_("era"), max_length=10)
    protocol_version = models.CharField(_("protocol version"), max_length=16)
    session_pk = models.BigIntegerField(_("session"), null=True)
    session_start = models.CharField(_("session id"), max_length=8)
    request_id = models.CharField(_("request id"), max_length=64)
    key = models.CharField(_("key"), max_length=24)
    round = models.PositiveSmallIntegerField(_("round"))
    queries = models.IntegerField(_("queries"), null=True)
    rows = models.BigIntegerField(_("rows"), null=True)
    result_bytes = models.IntegerField(_("result size"))
    trace_id = models.CharField(_("trace"), max_length=32)
    address = models.CharField(_("address"), max_length=45)
    arguments = JSONTextField(_("arguments"))
    result = JSONTextField(_("result"), null=True)

    objects: ClassVar[Any] = models.Manager()

    class Meta:
        verbose_name = _("call")
        verbose_name_plural = _("calls")
        default_permissions = ("view",)
        permissions = (
            ("view_payload", "Can view the arguments and results of calls"),
            ("export_call", "Can export calls"),
            ("replay_call", "Can make a call again"),
        )
        # Each filter of the admin, with the order of its list.
        indexes = (
            models.Index(fields=("outcome", "started_at"), name="mcp_call_outcome"),
            models.Index(fields=("name", "started_at"), name="mcp_call_name"),
            models.Index(fields=("user_pk", "started_at"), name="mcp_call_user"),
            models.Index(fields=("client_name", "started_at"), name="mcp_call_client"),
            models.Index(fields=("server", "started_at"), name="mcp_call_server"),
            models.Index(fields=("session_pk", "started_at"), name="mcp_call_session"),
            models.Index(fields=("token_id", "started_at"), name="mcp_call_token"),
            models.Index(fields=("key",), name="mcp_call_key"),
        )

    def __str__(self) -> str:
        return f"{self.method} {self.name}: {self.get_outcome_display()}"

    @property
    def is_failure(self) -> bool:
        return self.outcome in FAILURES
