"""The page of sessions, with their streams, events and calls, and more that an operator can do to them.

It takes the place of the package's own page.
"""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.views.main import ChangeList
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from django_mcp.admin import SessionAdmin, ago, breakable
from django_mcp.contrib.operations.rollups import audited_calls
from django_mcp.contrib.operations.sessions import Facts, close_streams, facts_of, send_message, subscriptions_of
from django_mcp.contrib.operations.switches import note
from django_mcp.contrib.operations.templatetags.humanize_calls import grouped, short_age
from django_mcp.models import Session


class MessageForm(forms.Form):
    """The message that an operator sends."""

    text = forms.CharField(
        label=_("Message"), max_length=1000, widget=forms.Textarea(attrs={"rows": 3, "class": "vLargeTextField"})
    )


class SessionChangeList(ChangeList):
    """A page of sessions, each with its facts."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        found = facts_of(list(self.result_list))
        for session in self.result_list:
            session.facts = found.get(session.pk)


class OperatedSessionAdmin(SessionAdmin):
    """The state and the capabilities of a session are a permission of their own: they are data of users."""

    list_display: Any = ("id_and_status", "whose", "client_and_server", "streams_and_waiting", "calls")
    actions: Any = ("terminate_selected", "close_streams_of_selected", "message_selected")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> Any:
        return SessionChangeList

    def get_fieldsets(self, request: HttpRequest, obj: Session | None = None) -> Any:
        client = ("client", "protocol_version", "log_level", "info_json")
        now: list[str] = ["streams", "waiting", "subscriptions", "calls", "last_call"]
        sets: list[Any] = [
            (None, {"fields": ("short_id", "status", "server", "user", "principal")}),
            (_("Now"), {"fields": now}),
            (_("Client"), {"fields": client}),
        ]
        if request.user.has_perm("django_mcp_operations.view_session_payload"):
            sets.append((_("State"), {"fields": ("capabilities_json", "state_json")}))
        return [*sets, (_("Times"), {"fields": ("created_at", "last_seen_at", "expires_at", "terminated_at")})]

    def has_close_streams_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("django_mcp_operations.close_session_streams")

    def has_message_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("django_mcp_operations.message_session")

    @admin.action(description=_("Close the streams of selected sessions"), permissions=["close_streams"])
    def close_streams_of_selected(self, request: HttpRequest, queryset: Any) -> None:
        closed = close_streams(queryset)
        for session in closed:
            note(session, request.user, "Closed the stream.")
        text = ngettext("%(count)d stream is closed.", "%(count)d streams are closed.", len(closed))
        messages.success(request, text % {"count": len(closed)})

    @admin.action(description=_("Send a message to selected sessions"), permissions=["message"])
    def message_selected(self, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        """Asks for the message first."""
        form = MessageForm(request.POST if "text" in request.POST else None)
        if form.is_valid():
            told = send_message(queryset, form.cleaned_data["text"])
            for session in told:
                note(session, request.user, f"Sent a message: {form.cleaned_data['text'][:200]}")
            text = ngettext("%(count)d message is sent.", "%(count)d messages are sent.", len(told))
            messages.success(request, text % {"count": len(told)})
            return None
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("Send a message"),
            "opts": self.opts,
            "form": form,
            "selected": request.POST.getlist(ACTION_CHECKBOX_NAME),
            "checkbox_name": ACTION_CHECKBOX_NAME,
            "select_across": request.POST.get("select_across", "0"),
            "count": queryset.count(),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "admin/django_mcp_operations/message.html", context)

    @admin.display(description=_("client"), ordering="client_name")
    def client_and_server(self, session: Session) -> SafeString:
        """The client, and in a second line the server: side by side they are too wide for a small screen."""
        return format_html(
            '<div style="min-width: 8em">{}<br><span class="quiet">{}</span></div>',
            self.client(session),
            breakable(session.server),
        )

    @admin.display(description=_("session"), ordering="last_seen_at")
    def id_and_status(self, session: Session) -> SafeString:
        """The id, and in a second line the status and the time since the session was used."""
        age = short_age(session.last_seen_at)
        return format_html(
            '{}<br><span class="quiet"><span>{}</span>, {}</span>', session.short_id, self.status(session), age
        )

    @admin.display(description=_("streams"))
    def streams_and_waiting(self, session: Session) -> SafeString | str:
        """The open streams, and in a second line the events that wait."""
        facts = _facts(session)
        if not facts.waiting:
            return str(facts.streams)
        waiting = gettext("%(count)d waiting") % {"count": facts.waiting}
        return format_html('{}<br><span class="quiet">{}</span>', facts.streams, waiting)

    @admin.display(description=_("streams"))
    def streams(self, session: Session) -> int:
        return _facts(session).streams

    @admin.display(description=_("waiting"))
    def waiting(self, session: Session) -> int:
        return _facts(session).waiting

    @admin.display(description=_("calls"))
    def calls(self, session: Session) -> SafeString | str:
        """The calls of the session, as a link to them, and in a second line the errors."""
        facts = _facts(session)
        if facts.calls is None:
            return "-"
        text = format_html("{}", grouped(facts.calls))
        if audited_calls() is not None and facts.calls:
            address = reverse("admin:django_mcp_audit_call_changelist")
            text = format_html('<a href="{}?session_pk={}">{}</a>', address, session.pk, text)
        if not facts.errors:
            return text
        errors = ngettext("%(count)d error", "%(count)d errors", facts.errors) % {"count": facts.errors}
        return format_html('{}<br><span class="quiet">{}</span>', text, errors)

    @admin.display(description=_("last call"))
    def last_call(self, session: Session) -> str:
        at = _facts(session).last_call_at
        return ago(at) if at is not None else "-"

    @admin.display(description=_("subscriptions"))
    def subscriptions(self, session: Session) -> SafeString | str:
        uris = subscriptions_of(session)
        return format_html_join("", '<div style="overflow-wrap: anywhere">{}</div>', ((uri,) for uri in uris)) or "-"


def _facts(session: Session) -> Facts:
    facts: Facts | None = getattr(session, "facts", None)
    if facts is None:
        facts = facts_of([session])[session.pk]
        session.facts = facts  # type: ignore[attr-defined]
    return facts


admin.site.unregister(Session)
admin.site.register(Session, OperatedSessionAdmin)
