"""The calls that run now, over all processes; cancelled by those who may."""

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from django_mcp.admin import breakable
from django_mcp.contrib.operations.models import RunningCall
from django_mcp.contrib.operations.running import LONG, alive, ask_to_cancel

from .windows import WindowAdmin


@admin.register(RunningCall)
class RunningCallAdmin(WindowAdmin):
    """The calls of dead processes are left out."""

    list_display = ("name", "server", "whose", "client_name", "since", "place", "state")
    list_display_links = None
    list_select_related = ("process",)
    ordering = ("started_at", "pk")
    actions = ("cancel_selected",)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).filter(process__in=alive())

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("django_mcp_operations.cancel_runningcall")

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        found = list(alive().values_list("running", flat=True))
        subtitle = gettext(
            "%(running)d calls in %(processes)d processes; those of more than %(seconds)d second are listed"
        )
        counts = {"running": sum(found), "processes": len(found), "seconds": LONG.total_seconds()}
        context = {"title": gettext("Running now"), "subtitle": subtitle % counts, **(extra_context or {})}
        return super().changelist_view(request, context)

    @admin.action(description=_("Cancel the selected calls"), permissions=["cancel"])
    def cancel_selected(self, request: HttpRequest, queryset: Any) -> None:
        asked = ask_to_cancel(queryset, request.user)
        messages.success(request, gettext("Calls that will be cancelled: %(count)d.") % {"count": asked})

    @admin.display(description=_("user"), ordering="user_name")
    def whose(self, call: RunningCall) -> str:
        return call.user_name or call.principal or gettext("anonymous")

    @admin.display(description=_("runs for"), ordering="-started_at")
    def since(self, call: RunningCall) -> str:
        seconds = (timezone.now() - call.started_at).total_seconds()
        return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"

    @admin.display(description=_("process"), ordering="process")
    def place(self, call: RunningCall) -> SafeString:
        """The host and the process id."""
        return breakable(call.process.name.rpartition(":")[0] or call.process.name)

    @admin.display(description=_("state"))
    def state(self, call: RunningCall) -> Any:
        return _("to be cancelled") if call.cancel_asked_at is not None else _("runs")
