"""Tokens in the admin: created, shown once, and revoked. Staff see their own tokens; superusers see all."""

from typing import TYPE_CHECKING, Any, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.auth import get_user_model
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from .models import APIToken
from .scopes import fault_of

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[APIToken]
    ModelForm = forms.ModelForm[APIToken]
else:
    ModelAdmin = admin.ModelAdmin
    ModelForm = forms.ModelForm


class APITokenForm(ModelForm):
    def clean_scopes(self) -> str:
        scopes = self.cleaned_data["scopes"].split()
        if (fault := fault_of(scopes)) is not None:
            raise forms.ValidationError(fault)
        return " ".join(scopes)


@admin.register(APIToken)
class APITokenAdmin(ModelAdmin):
    """A token is shown once, on the page after it was created. Users create tokens only for themselves, so that nobody
    creates one with another user's rights; superusers have all rights anyway.
    """

    form = APITokenForm
    list_display = ("name", "start", "user", "scopes", "created_at", "expires_at", "last_used_at", "revoked_at")
    list_select_related = ("user",)
    raw_id_fields = ("user",)
    fields = ("user", "name", "scopes", "expires_at", "start", "created_at", "last_used_at", "revoked_at")
    readonly_fields = ("start", "created_at", "last_used_at", "revoked_at")
    actions = ("revoke",)

    def get_queryset(self, request: HttpRequest) -> Any:
        tokens = super().get_queryset(request)
        return tokens if _is_superuser(request.user) else tokens.filter(user=request.user.pk)

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        users: Any = get_user_model()
        is_text = not users._meta.get_field(users.USERNAME_FIELD).is_relation
        return ("name", "start", *([f"user__{users.USERNAME_FIELD}"] if is_text else []))

    def get_readonly_fields(self, request: HttpRequest, obj: APIToken | None = None) -> Any:
        # A token without scopes is not limited: so scopes cannot be removed from an existing token, which would extend
        # it.
        return (*self.readonly_fields, "user", "scopes") if obj is not None else self.readonly_fields

    def get_fields(self, request: HttpRequest, obj: APIToken | None = None) -> Any:
        if obj is not None:
            return self.fields
        return self.fields[:4] if _is_superuser(request.user) else self.fields[1:4]

    def save_model(self, request: HttpRequest, obj: APIToken, form: Any, change: bool) -> None:
        if not change:
            if not _is_superuser(request.user):
                obj.user = cast(Any, request.user)
            # For response_add() below; it is not stored.
            obj.text = obj.renew()  # type: ignore[attr-defined]
        super().save_model(request, obj, form, change)

    def response_add(self, request: HttpRequest, obj: APIToken, post_url_continue: str | None = None) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": gettext("Copy the token now"),
            "token": obj,
            "text": obj.text,  # type: ignore[attr-defined]
        }
        request.current_app = self.admin_site.name
        response = TemplateResponse(request, "admin/django_mcp_tokens/apitoken/made.html", context)
        add_never_cache_headers(response)
        return response

    @admin.action(description=_("Revoke the selected %(verbose_name_plural)s"), permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: Any) -> None:
        tokens = list(queryset.filter(revoked_at__isnull=True))
        for token in tokens:
            token.revoke()
            self.log_change(request, token, "Revoked.")
        text = ngettext("%(count)d token is revoked.", "%(count)d tokens are revoked.", len(tokens))
        messages.success(request, text % {"count": len(tokens)})


def _is_superuser(user: Any) -> bool:
    # A custom user model may lack this attribute.
    return bool(getattr(user, "is_superuser", False))
