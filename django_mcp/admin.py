"""The admin's pages for sessions: view and terminate.

A client resumes its session with the session id alone, so no page shows all of it, and the search matches only the part
that is shown.
"""

import json
from collections.abc import Iterable
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.admin.utils import flatten_fieldsets
from django.contrib.auth import get_user_model
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from django.utils.translation import gettext, gettext_noop, ngettext
from django.utils.translation import gettext_lazy as _

from django_mcp.models import SHORT_ID_LENGTH, Session, SessionQuerySet, label
from django_mcp.storage.sessions import terminate_all

STATUSES: Final = {
    "live": gettext_noop("live"),
    "expired": gettext_noop("expired"),
    "terminated": gettext_noop("terminated"),
}
"""The statuses of a session, for people."""

SEARCH_LENGTH: Final = 100
"""The longest search, in characters."""

MOST_COUNTED: Final = 10_000
"""A list counts no further, and has pages up to here: counting a large table takes longer than showing a page of it."""

MOST_USERS: Final = 1000
"""A search finds the sessions of so many users at most."""

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin


class BoundedPaginator(Paginator):  # type: ignore[type-arg]
    """A paginator that counts at most `MOST_COUNTED` rows."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return int(rows.order_by()[:MOST_COUNTED].count())


class ReadOnlyAdmin(ModelAdmin):
    """Pages that show rows and do not edit them: the package alone writes them."""

    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class StatusFilter(admin.SimpleListFilter):
    """Filters sessions by status."""

    title = _("status")
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, Any]]:
        return [("live", _("Live")), ("expired", _("Expired")), ("terminated", _("Terminated"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        verbs = {"live": queryset.active, "expired": queryset.expired, "terminated": queryset.terminated}
        return verbs.get(self.value() or "", queryset.all)()


class ColumnFilter(admin.SimpleListFilter):
    """Filters by a column, whose name is that of the parameter."""

    parameter_name: str
    longest = 255
    """The longest value, in characters; the rest is cut off."""

    def value(self) -> str | None:
        return label(super().value(), self.longest) or None

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        value = self.value()
        return queryset.filter(**{self.parameter_name: value}) if value else queryset


class RecentValuesFilter(ColumnFilter):
    """Offers the values of the newest sessions: Django's own filters read the whole table."""

    newest = 1000

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        values = {*self.recent_values(), self.value() or ""} - {""}
        return [(value, value) for value in sorted(values)]

    @classmethod
    def recent_values(cls) -> set[str]:
        return {*Session.objects.order_by("-pk").values_list(cls.parameter_name, flat=True)[: cls.newest]}


class ServerFilter(RecentValuesFilter):
    title = _("server")
    parameter_name = "server"


class VersionFilter(RecentValuesFilter):
    title = _("protocol version")
    parameter_name = "protocol_version"


class ClientFilter(RecentValuesFilter):
    title = _("client")
    parameter_name = "client_name"


@admin.register(Session)
class SessionAdmin(ReadOnlyAdmin):
    """Read-only. Users with the permission to terminate sessions get that action, and no other."""

    # As many columns as fit beside the filters and Django's sidebar on a small screen; the rest is on the session's
    # page.
    list_display = ("short_id", "status", "whose", "client", "server", "last_seen")
    list_filter = (StatusFilter, ServerFilter, VersionFilter, ClientFilter)
    list_select_related = ("user",)
    ordering = ("-pk",)
    paginator = BoundedPaginator
    search_help_text = _("The beginning of a session id, a part of a user name, or of the name of a recent client.")
    actions = ("terminate_selected",)
    fieldsets = (
        (None, {"fields": ("short_id", "status", "server", "user", "principal")}),
        (_("Client"), {"fields": ("client", "protocol_version", "log_level", "info_json", "capabilities_json")}),
        (_("State"), {"fields": ("state_json",)}),
        (_("Times"), {"fields": ("created_at", "last_seen_at", "expires_at", "terminated_at")}),
    )

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        return (f"user__{get_user_model().USERNAME_FIELD}", "client_name")

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        term = label(search_term, SEARCH_LENGTH).strip()
        if not term:
            return queryset, False
        # Each of the three is found by an index where there is one; a join with the users would read both tables.
        users = get_user_model()._default_manager.filter(**{f"{get_user_model().USERNAME_FIELD}__icontains": term})
        clients = [name for name in ClientFilter.recent_values() if term.lower() in name.lower()]
        # Only the part of the id that is shown: otherwise, searching for longer beginnings would reveal the id.
        found = Q(session_id__startswith=term[:SHORT_ID_LENGTH])
        found |= Q(user__in=[*users.values_list("pk", flat=True)[:MOST_USERS]])
        return queryset.filter(found | Q(client_name__in=clients) if clients else found), False

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Allows only the filters' own lookups. Django allows every lookup of the model's columns, and
        `?session_id__regex=` would reveal an id.
        """
        return lookup in {list_filter.parameter_name for list_filter in self.list_filter}

    def get_readonly_fields(self, request: HttpRequest, obj: Session | None = None) -> list[str]:
        return flatten_fieldsets(self.get_fieldsets(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: Session | None = None) -> bool:
        """False, except when a user is deleted: the user's sessions are deleted too, and must not prevent it."""
        here = request.resolver_match is None or str(request.resolver_match.url_name).startswith("django_mcp_session_")
        return obj is not None and not here

    def has_terminate_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("django_mcp.terminate_session")

    @admin.action(description=_("Terminate selected sessions"), permissions=["terminate"])
    def terminate_selected(self, request: HttpRequest, queryset: SessionQuerySet) -> None:
        ended = terminate_all(queryset)
        if ended and request.user.pk is not None:
            LogEntry.objects.log_actions(request.user.pk, ended, CHANGE, "Terminated.")
        text = ngettext("%(count)d session is terminated.", "%(count)d sessions are terminated.", len(ended))
        self.message_user(request, text % {"count": len(ended)}, messages.SUCCESS)

    @admin.display(description=_("session"))
    def short_id(self, session: Session) -> str:
        return session.short_id

    @admin.display(description=_("status"))
    def status(self, session: Session) -> str:
        return gettext(STATUSES[session.status])

    @admin.display(description=_("user"), ordering="user", empty_value="-")
    def whose(self, session: Session) -> SafeString | None:
        return None if session.user is None else breakable(str(session.user))

    @admin.display(description=_("client"), ordering="client_name")
    def client(self, session: Session) -> SafeString:
        return breakable(f"{session.client_name} {label(session.client_info.get('version'), 40)}".strip())

    @admin.display(description=_("last seen"), ordering="last_seen_at")
    def last_seen(self, session: Session) -> str:
        return ago(session.last_seen_at)

    @admin.display(description=_("client info"))
    def info_json(self, session: Session) -> SafeString:
        return pretty(session.client_info)

    @admin.display(description=_("client capabilities"))
    def capabilities_json(self, session: Session) -> SafeString:
        return pretty(session.client_capabilities)

    @admin.display(description=_("state"))
    def state_json(self, session: Session) -> SafeString:
        return pretty(session.state)


def ago(moment: datetime) -> str:
    """The time since a moment, for people."""
    return gettext("%(time)s ago") % {"time": timesince(moment, depth=1)}


def breakable(text: str) -> SafeString:
    """Text that may break anywhere, so that a long name does not push other columns off the screen."""
    return format_html('<span style="overflow-wrap: anywhere">{}</span>', text)


def pretty(value: object) -> SafeString:
    """JSON for people. Characters are not escaped, except lone surrogates, which a page cannot contain."""
    text = json.dumps(value, indent=2, ensure_ascii=False).encode("utf-8", "backslashreplace").decode()
    return format_html('<pre style="margin: 0; white-space: pre-wrap; overflow-wrap: anywhere">{}</pre>', text)
