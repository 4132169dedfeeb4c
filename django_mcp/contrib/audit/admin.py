"""The admin's pages for calls: a window, and not an editor."""

import json
from collections.abc import AsyncIterator, Iterator
from itertools import islice
from typing import Any, cast
from urllib.parse import urlencode

from asgiref.sync import sync_to_async
from django.contrib import admin
from django.contrib.admin.utils import flatten_fieldsets, unquote
from django.contrib.admin.views.main import ORDER_VAR, PAGE_VAR
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.core.handlers.asgi import ASGIRequest
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, path, reverse
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_mcp.admin import MOST_COUNTED, BoundedPaginator, ReadOnlyAdmin
from django_mcp.authentication import user_named
from django_mcp.conf import mcp_settings
from django_mcp.contrib.times import localtime
from django_mcp.models import Session

from .export import CONTENT_TYPES, export
from .failures import HOURS, group_failures
from .lists import FILTERS
from .models import FAILURES, OUTCOMES, Call
from .replay import METHODS, CannotReplay, is_complete, replay

SEARCH_LENGTH = 255
LONG_WORD = 16


@admin.register(Call)
class CallAdmin(ReadOnlyAdmin):
    """Four permissions, none implied by another: to view calls, to view their arguments and results, to export them,
    and to make a call again.
    """

    list_display = ("when", "what", "how", "whose", "client", "server", "took")
    list_filter = FILTERS
    ordering = ("-started_at", "-pk")
    sortable_by = ()
    paginator = BoundedPaginator
    list_per_page = 100
    show_facets = admin.ShowFacets.NEVER  # Each would count the table.
    actions = None
    search_fields = ("name",)
    search_help_text = gettext_lazy("The whole name of a tool, prompt or resource, of a user, or the key of a call.")
    change_list_template = "admin/django_mcp_audit/call/list.html"
    change_form_template = "admin/django_mcp_audit/call/call.html"

    # Permissions

    @staticmethod
    def _may(request: HttpRequest, codename: str) -> bool:
        return request.user.has_perm(f"django_mcp_audit.{codename}")

    # The list

    def get_queryset(self, request: HttpRequest) -> Any:
        calls = super().get_queryset(request)
        is_list = request.resolver_match is not None and str(request.resolver_match.url_name).endswith("_changelist")
        return calls.defer("arguments", "result") if is_list else calls

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Allows only the filters' own lookups: `?arguments__contains=` would reveal payloads."""
        return lookup in {each.parameter_name for each in FILTERS}

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """Whole values of indexed columns: a search within texts would read the table."""
        if not (term := search_term.strip()[:SEARCH_LENGTH]):
            return queryset, False
        if (user := user_named(term)) is not None:
            return queryset.filter(user_pk=str(user.pk)), False
        column = "key" if len(term) == 24 and set(term) <= set("0123456789abcdef") else "name"
        return queryset.filter(**{column: term}), False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        filters = request.GET.copy()
        filters.pop(PAGE_VAR, None)
        context = {
            "filters": filters.urlencode(),
            "may_export": self._may(request, "export_call"),
            "most_counted": MOST_COUNTED,
            **(extra_context or {}),
        }
        return super().changelist_view(request, context)

    @admin.display(description=gettext_lazy("when"), ordering="started_at")
    def when(self, call: Call) -> SafeString:
        day, time = localtime(call.started_at).strftime("%Y-%m-%d %H:%M:%S").split()
        return format_html('<span style="white-space: nowrap">{}</span> {}', day, time)

    @admin.display(description=gettext_lazy("call"))
    def what(self, call: Call) -> SafeString:
        method = "" if call.method == "tools/call" else f" ({call.method})"
        return breakable(f"{call.name or '-'}{method}")

    @admin.display(description=gettext_lazy("outcome"))
    def how(self, call: Call) -> SafeString:
        colour = "var(--error-fg)" if call.outcome in FAILURES else "inherit"
        shown = dict(OUTCOMES).get(call.outcome, call.outcome)
        return format_html('<span style="color: {}">{}</span>', colour, shown)

    @admin.display(description=gettext_lazy("user"), empty_value="-")
    def whose(self, call: Call) -> SafeString | None:
        return breakable(call.user_name or call.user_pk) if call.user_pk else None

    @admin.display(description=gettext_lazy("client"))
    def client(self, call: Call) -> SafeString:
        return breakable(call.client_name)

    @admin.display(description=gettext_lazy("took"))
    def took(self, call: Call) -> SafeString:
        return format_html('<span style="white-space: nowrap">{}</span>', duration(call.seconds))

    # A call's page

    def get_fieldsets(self, request: HttpRequest, obj: Call | None = None) -> Any:
        address = ("address",) if obj is not None and obj.address else ()
        payload = ("arguments_json", "result_json") if self._may(request, "view_payload") else ("payload_hidden",)
        return (
            (None, {"fields": ("when", "method", "name", "how", "error", "rounds")}),
            (_("Arguments and result"), {"fields": payload}),
            (_("Timing"), {"fields": ("took", "queries", "rows", "result_bytes", "trace")}),
            (
                _("Caller"),
                {"fields": ("user_link", "principal", "client_link", "token_link", "session_link", *address)},
            ),
            (_("Request"), {"fields": ("server", "path", "lane", "era", "protocol_version", "request_id", "key")}),
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Call | None = None) -> list[str]:
        return flatten_fieldsets(self.get_fieldsets(request, obj))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        may_replay = self._may(request, "replay_call") and self._may(request, "view_payload")
        context = {"may_replay": may_replay, "replayable": METHODS, **(extra_context or {})}
        return super().change_view(request, object_id, form_url, context)

    @admin.display(description=gettext_lazy("error"))
    def error(self, call: Call) -> SafeString | str:
        if not call.error_class and not call.message:
            return "-"
        code = "" if call.error_code is None else f" ({call.error_code})"
        return format_html(
            '{}{}<br><span style="white-space: pre-wrap; overflow-wrap: anywhere">{}</span>',
            *(call.error_class, code, call.message),
        )

    @admin.display(description=gettext_lazy("rounds"))
    def rounds(self, call: Call) -> SafeString:
        return self._link({"key": call.key}, _("round %(number)d: all of the call") % {"number": call.round + 1})

    @admin.display(description=gettext_lazy("arguments"))
    def arguments_json(self, call: Call) -> SafeString:
        return pretty(call.arguments)

    @admin.display(description=gettext_lazy("result"))
    def result_json(self, call: Call) -> SafeString | str:
        return pretty(call.result) if call.result is not None else _("Not kept: MCP_AUDIT_RESULTS names whose are.")

    @admin.display(description="")
    def payload_hidden(self, call: Call) -> str:
        return _("You do not have the permission to view them.")

    @admin.display(description=gettext_lazy("trace"))
    def trace(self, call: Call) -> SafeString | str:
        template = mcp_settings.AUDIT_TRACE_URL
        if not (call.trace_id and template):
            return call.trace_id or "-"
        return format_html('<a href="{}">{}</a>', template.replace("{trace_id}", call.trace_id), call.trace_id)

    @admin.display(description=gettext_lazy("user"))
    def user_link(self, call: Call) -> SafeString | str:
        if not call.user_pk:
            return "-"
        meta = get_user_model()._meta
        name = call.user_name or call.user_pk
        own = self._page_of(f"{meta.app_label}_{meta.model_name}_change", call.user_pk, name)
        return format_html("{} · {}", own, self._link({"user_pk": call.user_pk}, _("calls of the user")))

    @admin.display(description=gettext_lazy("client"))
    def client_link(self, call: Call) -> SafeString:
        shown = f"{call.client_name} {call.client_version}".strip()
        if call.client_id:
            shown += f" ({call.client_id})"
        link = self._link({"client_name": call.client_name}, _("calls of the client")) if call.client_name else ""
        return format_html("{} {}", shown or "-", link)

    @admin.display(description=gettext_lazy("token"))
    def token_link(self, call: Call) -> SafeString | str:
        if not call.token_id:
            return "-"
        return format_html("{} · {}", call.token_id, self._link({"token_id": call.token_id}, _("calls of the token")))

    @admin.display(description=gettext_lazy("session"))
    def session_link(self, call: Call) -> SafeString | str:
        if call.session_pk is None:
            return "-"
        shown = f"{call.session_start}…"
        exists = Session.objects.filter(pk=call.session_pk).exists()
        own = self._page_of("django_mcp_session_change", call.session_pk, shown) if exists else shown
        link = self._link({"session_pk": str(call.session_pk)}, _("the session call by call"))
        return format_html("{} · {}", own, link)

    def _link(self, filters: dict[str, str], text: str) -> SafeString:
        url = reverse(f"{self.admin_site.name}:django_mcp_audit_call_changelist")
        return format_html('<a href="{}?{}">{}</a>', url, urlencode(filters), text)

    def _page_of(self, name: str, pk: object, text: str) -> SafeString | str:
        try:
            return format_html('<a href="{}">{}</a>', reverse(f"{self.admin_site.name}:{name}", args=[pk]), text)
        except NoReverseMatch:  # The project has no admin of that model.
            return text

    # Export, failures, replay

    def get_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        return [
            path("export/", wrap(self.export_view), name="django_mcp_audit_call_export"),
            path("failures/", wrap(self.failures_view), name="django_mcp_audit_call_failures"),
            path("<path:object_id>/replay/", wrap(self.replay_view), name="django_mcp_audit_call_replay"),
            *super().get_urls(),
        ]

    def export_view(self, request: HttpRequest) -> HttpResponseBase:
        """The calls that the list's filters let through, as a file. Arguments are in it with their own permission."""
        if not self._may(request, "export_call"):
            raise PermissionDenied
        form = "jsonl" if request.GET.get("format") == "jsonl" else "csv"
        kept = request.GET.copy()
        for name in ("format", ORDER_VAR, PAGE_VAR):
            kept.pop(name, None)
        request.GET = kept  # type: ignore[assignment]
        changes = self.get_changelist_instance(request)
        calls = changes.get_queryset(request).order_by().defer(None)
        lines = export(calls, cast(Any, form), payloads=self._may(request, "view_payload"))
        content: Any = _abytes(lines) if isinstance(request, ASGIRequest) else _bytes(lines)
        response = StreamingHttpResponse(content, content_type=CONTENT_TYPES[form])
        response["Content-Disposition"] = f'attachment; filename="mcp-calls.{form}"'
        return response

    def failures_view(self, request: HttpRequest) -> HttpResponse:
        """Failures by what failed and how."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        asked = request.GET.get("hours", "")
        hours = int(asked) if asked in map(str, HOURS) else 24
        groups, is_cut = group_failures(hours)
        return self._page(
            request, "failures.html", _("Failures"), groups=groups, is_cut=is_cut, hours=hours, choices=HOURS
        )

    def replay_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Makes a call again, after a confirmation."""
        call = self.get_object(request, unquote(object_id))
        if call is None:
            raise Http404
        if not (self._may(request, "replay_call") and self._may(request, "view_payload")):
            raise PermissionDenied
        text, done, problem = json.dumps(call.arguments, indent=2, ensure_ascii=False), None, ""
        if request.method == "POST":
            text = request.POST.get("arguments", "")
            try:
                done = replay(call, _object_in(text), request)
                self.log_change(request, call, "Made again.")
            except CannotReplay as error:
                problem = str(error)
        return self._page(
            request,
            "replay.html",
            _("Make this call again"),
            call=call,
            arguments=printable(text),
            done=done,
            answer=pretty(done.answer) if done else "",
            problem=problem,
            is_complete=is_complete(call),
        )

    def _page(self, request: HttpRequest, template: str, title: str, **context: Any) -> HttpResponse:
        request.current_app = self.admin_site.name
        shared = {**self.admin_site.each_context(request), "opts": self.opts, "title": title}
        return TemplateResponse(request, f"admin/django_mcp_audit/call/{template}", {**shared, **context})


def _object_in(text: str) -> dict[str, Any]:
    try:
        arguments = json.loads(text)
    except (ValueError, RecursionError):
        arguments = None
    if not isinstance(arguments, dict):
        raise CannotReplay(_("The arguments have to be a JSON object."))
    return arguments


def _bytes(lines: Iterator[str]) -> Iterator[bytes]:
    while part := "".join(islice(lines, 500)):
        yield part.encode()


async def _abytes(lines: Iterator[str]) -> AsyncIterator[bytes]:
    """See _bytes(). Under ASGI, Django would read a plain iterator to its end before it sends anything."""
    parts = _bytes(lines)
    while part := await sync_to_async(lambda: next(parts, b""))():
        yield part


def duration(seconds: float) -> str:
    """A length of time for people."""
    if seconds < 1:
        return _("%(number)s ms") % {"number": number_format(seconds * 1000, 1)}
    if seconds < 120:
        return _("%(number)s s") % {"number": number_format(seconds, 1)}
    return _("%(number)s min") % {"number": number_format(seconds / 60, 0)}


def breakable(text: str) -> SafeString:
    """Text that may break anywhere if it has a long word, so that it does not push other columns off the screen."""
    wraps = "anywhere" if max(map(len, text.split()), default=0) > LONG_WORD else "normal"
    return format_html('<span style="overflow-wrap: {}">{}</span>', wraps, text)


def printable(text: str) -> str:
    """Text without lone surrogates, which a page cannot contain."""
    return text.encode("utf-8", "backslashreplace").decode()


def pretty(value: object) -> SafeString:
    """JSON for people."""
    text = printable(json.dumps(value, indent=2, ensure_ascii=False))
    return format_html('<pre style="margin: 0; white-space: pre-wrap; overflow-wrap: anywhere">{}</pre>', text)
