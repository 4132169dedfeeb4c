"""The reports of missing capabilities."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from django_mcp.admin import ReadOnlyAdmin
from django_mcp.contrib.operations.models import MissingCapability


@admin.register(MissingCapability)
class MissingCapabilityAdmin(ReadOnlyAdmin):
    """Reports are read, and deleted when they are dealt with."""

    list_display = ("wanted", "why", "server", "user_name", "client_name", "reported_at")
    list_filter = ("server",)
    search_fields = ("wanted", "why")
    ordering = ("-pk",)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("django_mcp_operations.delete_missingcapability")
