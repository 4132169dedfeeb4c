"""The overview: a page of the admin in the place of a list."""

from typing import Any, Final

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from django_mcp.admin import ReadOnlyAdmin
from django_mcp.contrib.operations.models import Rollup
from django_mcp.contrib.operations.overview import PERIODS, Overview, look, processes
from django_mcp.contrib.operations.plots import Series, bars, lines

NAMES: Final = {"hour": _("Last hour"), "day": _("Last day"), "week": _("Last week")}


@admin.register(Rollup)
class OverviewAdmin(ReadOnlyAdmin):
    """The counts have no pages of their own."""

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        name = request.GET.get("period", "hour")
        overview = look(name if name in PERIODS else "hour")
        context = {
            **self.admin_site.each_context(request),
            **(extra_context or {}),
            "title": _("Overview of MCP"),
            "opts": self.opts,
            "overview": overview,
            "periods": [(key, text, key == overview.period) for key, text in NAMES.items()],
            "calls_plot": _calls_plot(overview),
            "latency_plot": _latency_plot(overview),
            "processes": processes(),
            "tables": [
                (_("Busiest users"), overview.users),
                (_("Busiest clients"), overview.clients),
                (_("Protocol versions"), overview.versions),
            ],
            "can_see_calls": request.user.has_perm("django_mcp_audit.view_call"),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "admin/django_mcp_operations/overview.html", context)

    def get_urls(self) -> Any:
        """The list's address alone: a count has no page."""
        return [url for url in super().get_urls() if url.name and url.name.endswith("_changelist")]


def _calls_plot(overview: Overview) -> Any:
    steps = overview.steps
    good = Series(gettext("answered"), "good", [step.counts.calls - step.counts.errors for step in steps])
    bad = Series(gettext("errors"), "bad", [step.counts.errors for step in steps])
    return bars(gettext("Calls"), [step.at for step in steps], [good, bad])


def _latency_plot(overview: Overview) -> Any:
    steps = overview.steps
    series = [
        Series(name, css_class, [None if (value := step.latency[place]) is None else value * 1000 for step in steps])
        for place, (name, css_class) in enumerate([("p50", "good"), ("p95", "warm"), ("p99", "bad")])
    ]
    return lines(gettext("Latency in milliseconds"), [step.at for step in steps], series)
