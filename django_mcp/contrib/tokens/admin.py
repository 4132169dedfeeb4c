"""Tokens in the admin: made there, shown once, and revoked."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.http import HttpRequest

from .models import APIToken

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[APIToken]
else:
    ModelAdmin = admin.ModelAdmin


@admin.register(APIToken)
class APITokenAdmin(ModelAdmin):
    """A token is shown in the message after it was made, and never again."""

    list_display = ("name", "start", "user", "scopes", "created_at", "expires_at", "last_used_at", "revoked_at")
    list_select_related = ("user",)
    search_fields = ("name", "start", "user__username")
    raw_id_fields = ("user",)
    fields = ("user", "name", "scopes", "expires_at", "start", "created_at", "last_used_at", "revoked_at")
    readonly_fields = ("start", "created_at", "last_used_at", "revoked_at")
    actions = ("revoke",)

    def get_readonly_fields(self, request: HttpRequest, obj: APIToken | None = None) -> Any:
        return (*self.readonly_fields, "user") if obj is not None else self.readonly_fields

    def get_fields(self, request: HttpRequest, obj: APIToken | None = None) -> Any:
        return self.fields if obj is not None else self.fields[:4]

    def save_model(self, request: HttpRequest, obj: APIToken, form: Any, change: bool) -> None:
        text = None if change else obj.renew()
        super().save_model(request, obj, form, change)
        if text is not None:
            messages.warning(request, f"The token is {text}: copy it now, it is not shown again.")

    @admin.action(description="Revoke the selected %(verbose_name_plural)s", permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: Any) -> None:
        tokens = list(queryset.filter(revoked_at__isnull=True))
        for token in tokens:
            token.revoke()
            self.log_change(request, token, "Revoked.")
        messages.success(request, f"{len(tokens)} revoked.")
