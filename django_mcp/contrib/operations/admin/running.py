"""The calls that run now, over all processes; cancelled by those who may."""

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from django_mcp.admin import breakable
from django_mcp.contrib.operations.models import RunningCall
from django_mcp.contrib.operations.running import LONG, alive, ask_to_cancel
from django_mcp.contrib.operations.templatetags.humanize_calls import short_age

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
        subtitle = gettext("Calls: %(running)d. Processes: %(processes)d. Listed: calls of more than %(seconds)d s.")
        counts = {"running": sum(found), "processes": len(found), "seconds": LONG.total_seconds()}
        context = {"title": gettext("Running now"), "subtitle": subtitle % counts, **(extra_context or {})}
        return super().changelist_view(request, context)

    @admin.action(description=_("Cancel the selected calls"), permissions=["cancel"])
    def cancel_selected(self, request: HttpRequest, queryset: Any) -> None:
        asked = ask_to_cancel(queryset, request.user)
        text = ngettext("%(count)d call will be cancelled.", "%(count)d calls will be cancelled.", asked)
        messages.success(request, text % {"count": asked})

    @admin.display(description=_("user"), ordering="user_name")
    def whose(self, call: RunningCall) -> str:
        return call.user_name or call.principal or gettext("anonymous")

    @admin.display(description=_("runs for"), ordering="-started_at")
    def since(self, call: RunningCall) -> str:
        return short_age(call.started_at)

    @admin.display(description=_("process"), ordering="process")
    def place(self, call: RunningCall) -> SafeString:
        """The host and the process id."""
        return breakable(call.process.name.rpartition(":")[0] or call.process.name)

    @admin.display(description=_("state"))
    def state(self, call: RunningCall) -> Any:
        return _("to be cancelled") if call.cancel_asked_at is not None else _("runs")
