"""The calls that run now, over all processes; cancelled by those who may."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Max
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path, reverse
from django.utils.cache import add_never_cache_headers
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from django_mcp.admin import ReadOnlyAdmin, breakable
from django_mcp.contrib.operations.models import RunningCall
from django_mcp.contrib.operations.running import LONG, alive, ask_to_cancel
from django_mcp.contrib.operations.templatetags.humanize_calls import short_age


@admin.register(RunningCall)
class RunningCallAdmin(ReadOnlyAdmin):
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

    def get_urls(self) -> list[Any]:
        now = path("now/", self.admin_site.admin_view(self.now_view), name="django_mcp_operations_runningcall_now")
        return [now, *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        now_url = reverse(f"{self.admin_site.name}:django_mcp_operations_runningcall_now")
        context = {
            "title": gettext("Running now"),
            "subtitle": _counts(),
            "now_url": now_url,
            "newest": self._newest(request),
        }
        return super().changelist_view(request, {**context, **(extra_context or {})})

    def _newest(self, request: HttpRequest) -> int:
        """The highest key of a running call; 0 without one."""
        newest: int | None = self.get_queryset(request).aggregate(Max("pk"))["pk__max"]
        return newest or 0

    def now_view(self, request: HttpRequest) -> HttpResponse:
        """For the page's script: the counts, those calls of `?shown=1,2` that still run, and the newest call's key."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        asked = request.GET.get("shown", "")[: 20 * self.list_per_page].split(",")[: self.list_per_page]
        shown = [int(key) for key in asked if key.isascii() and key.isdigit() and len(key) < 19]
        calls = self.get_queryset(request)
        rows = {
            call.pk: {"age": short_age(call.started_at), "state": _state(call)} for call in calls.filter(pk__in=shown)
        }
        response = JsonResponse({"subtitle": _counts(), "calls": rows, "newest": self._newest(request)})
        add_never_cache_headers(response)
        return response

    @admin.action(description=_("Cancel the selected calls"), permissions=["cancel"])
    def cancel_selected(self, request: HttpRequest, queryset: Any) -> None:
        asked = ask_to_cancel(queryset, request.user)
        text = ngettext("%(count)d call will be cancelled.", "%(count)d calls will be cancelled.", asked)
        messages.success(request, text % {"count": asked})

    @admin.display(description=_("user"), ordering="user_name")
    def whose(self, call: RunningCall) -> str:
        return call.user_name or call.principal or gettext("anonymous")

    @admin.display(description=_("runs for"), ordering="-started_at")
    def since(self, call: RunningCall) -> SafeString:
        return format_html('<span data-age="{}">{}</span>', str(call.pk), short_age(call.started_at))

    @admin.display(description=_("process"), ordering="process")
    def place(self, call: RunningCall) -> SafeString:
        """The host and the process id."""
        return breakable(call.process.name.rpartition(":")[0] or call.process.name)

    @admin.display(description=_("state"))
    def state(self, call: RunningCall) -> SafeString:
        return format_html('<span data-state="{}">{}</span>', str(call.pk), _state(call))


def _counts() -> str:
    found = list(alive().values_list("running", flat=True))
    text = gettext("Calls: %(running)d. Processes: %(processes)d. Listed: calls of more than %(seconds)d s.")
    return text % {"running": sum(found), "processes": len(found), "seconds": LONG.total_seconds()}


def _state(call: RunningCall) -> str:
    return gettext("to be cancelled") if call.cancel_asked_at is not None else gettext("runs")
