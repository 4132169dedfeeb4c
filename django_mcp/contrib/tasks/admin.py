"""Tasks in the admin: looked at, and cancelled. No page shows all of an id, the arguments, the answers or the result:
they are the user's.
"""

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.admin.utils import flatten_fieldsets
from django.http import HttpRequest
from django.utils.timesince import timesince
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from . import storage
from .models import Status, Task

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Task]
else:
    ModelAdmin = admin.ModelAdmin


@admin.register(Task)
class TaskAdmin(ModelAdmin):
    """Read-only. Users with the permission to cancel tasks get that action, and no other."""

    list_display = ("tool", "shown_status", "owner", "server", "age", "message")
    list_filter = ("status", "tool", "server")
    list_select_related = ("user",)
    ordering = ("-pk",)
    show_full_result_count = False
    search_fields = ("tool",)
    actions = ("cancel_selected",)
    fieldsets = (
        (None, {"fields": ("short_id", "tool", "shown_status", "message", "server", "owner", "principal")}),
        (_("Runs"), {"fields": ("run", "attempts", "round", "is_repeatable")}),
        (_("Times"), {"fields": ("created_at", "updated_at", "queued_at", "started_at", "lease_until", "expires_at")}),
    )

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Allows the filters' own columns: Django allows all, and `?arguments__contains=` would reveal payloads."""
        return lookup.partition("__")[0] in self.list_filter

    def get_readonly_fields(self, request: HttpRequest, obj: Task | None = None) -> list[str]:
        return flatten_fieldsets(self.get_fieldsets(request, obj))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Task | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Task | None = None) -> bool:
        """False, except when a user is deleted: the user's tasks are deleted too, and must not prevent it."""
        here = request.resolver_match is None or str(request.resolver_match.url_name).startswith("django_mcp_tasks_")
        return obj is not None and not here

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("django_mcp_tasks.cancel_task")

    @admin.action(description=_("Cancel selected tasks"), permissions=["cancel"])
    def cancel_selected(self, request: HttpRequest, queryset: Any) -> None:
        cancelled = [task for task in queryset.unfinished() if storage.cancel(task)]
        if cancelled and request.user.pk is not None:
            LogEntry.objects.log_actions(request.user.pk, cancelled, CHANGE, "Cancelled.")
        count = len(cancelled)
        self.message_user(
            request, ngettext("%d task is cancelled.", "%d tasks are cancelled.", count) % count, messages.SUCCESS
        )

    @admin.display(description=_("task"))
    def short_id(self, task: Task) -> str:
        return task.short_id

    @admin.display(description=_("status"), ordering="status")
    def shown_status(self, task: Task) -> str:
        if task.is_queued:
            return str(_("queued"))
        if task.cancel_requested_at is not None and not task.is_finished:
            return str(_("cancelling"))
        return str(Status(task.status).label)

    @admin.display(description=_("owner"), ordering="user", empty_value="-")
    def owner(self, task: Task) -> str | None:
        return str(task.user) if task.user is not None else task.principal or None

    @admin.display(description=_("age"), ordering="created_at")
    def age(self, task: Task) -> str:
        return timesince(task.created_at, depth=1)
