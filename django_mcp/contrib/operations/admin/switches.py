"""The page of switches: stop something, change the reason or the end of a stop, start it again."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from django_mcp.contrib.operations.models import Switch
from django_mcp.contrib.operations.switches import SwitchError, Target, doubt_of, find_target, start, stop
from django_mcp.contrib.times import localtime

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Switch]
    ModelForm = forms.ModelForm[Switch]
else:
    ModelAdmin = admin.ModelAdmin
    ModelForm = forms.ModelForm


class SwitchForm(ModelForm):
    """The form of a new stop, and of a stop that is in force. `seen` is the version that the operator looked at."""

    seen = forms.IntegerField(label="", required=False, widget=forms.HiddenInput)
    target: Target | None = None

    class Meta:
        model = Switch
        fields = ("kind", "name", "server", "reason", "until", "cancels")

    def clean_until(self) -> datetime | None:
        until: datetime | None = self.cleaned_data["until"]
        if until is not None and until <= timezone.now():
            raise forms.ValidationError(gettext("The end must be in the future."))
        return until

    def clean(self) -> dict[str, Any]:
        super().clean()
        cleaned = self.cleaned_data
        if not self.instance._state.adding:
            if cleaned.get("seen") != self.instance.version:
                raise forms.ValidationError(
                    gettext("Another operator has changed this switch meanwhile. Look again before you change it.")
                )
            return cleaned
        try:
            self.target = find_target(cleaned.get("kind", ""), cleaned.get("name", ""), cleaned.get("server", ""))
        except SwitchError as error:
            raise forms.ValidationError(str(error)) from None
        row = Switch.objects.filter(target=self.target.key).select_related("stopped_by").first()
        if row is not None and row.is_off():
            raise forms.ValidationError(gettext("It is stopped already: %(reason)s") % {"reason": row.reason})
        return cleaned


class IsStoppedFilter(admin.SimpleListFilter):
    """Filters by the state: stopped now, or running again."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [("stopped", _("Stopped")), ("runs", _("Runs again"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return {"stopped": queryset.filter(is_stopped=True), "runs": queryset.filter(is_stopped=False)}.get(
            self.value() or "", queryset
        )


@admin.register(Switch)
class SwitchAdmin(ModelAdmin):
    """Switches are added and changed, and never deleted: their history stays."""

    form = SwitchForm
    list_display = ("target_text", "state", "reason", "stopped_by")
    list_filter = (IsStoppedFilter, "kind")
    list_select_related = ("stopped_by",)
    search_fields = ("label", "reason")
    show_full_result_count = False
    actions = ("start_selected",)
    fields = ("kind", "name", "server", "reason", "until", "cancels", "seen")

    def has_throw_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("django_mcp_operations.throw_switch")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_throw_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Switch | None = None) -> bool:
        return request.user.has_perm("django_mcp_operations.view_switch")

    def has_change_permission(self, request: HttpRequest, obj: Switch | None = None) -> bool:
        can_see = self.has_view_permission(request) and self.has_throw_permission(request)
        return can_see and (obj is None or obj.is_off())

    def has_delete_permission(self, request: HttpRequest, obj: Switch | None = None) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Switch | None = None) -> Any:
        return () if obj is None else ("kind", "target_text", "server", "stopped_by", "stopped_at")

    def get_fields(self, request: HttpRequest, obj: Switch | None = None) -> Any:
        if obj is None:
            return self.fields[:-1]
        shown = ("target_text", "server", "stopped_by", "stopped_at", "reason", "until", "cancels")
        return (*shown, "seen") if self.has_change_permission(request, obj) else shown

    def get_form(self, request: HttpRequest, obj: Switch | None = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        if obj is not None and "seen" in form.base_fields:
            # All classes of the form share the field, and so do the requests of other operators.
            form.base_fields["seen"] = forms.IntegerField(
                label="", required=False, widget=forms.HiddenInput, initial=obj.version
            )
        return form

    def save_model(self, request: HttpRequest, obj: Switch, form: Any, change: bool) -> None:
        """Throws the switch. The form has looked already; a faster operator is still found out here."""
        target = form.target or Target(obj.kind, obj.server, obj.name, obj.label)
        version = form.cleaned_data.get("seen") if change else None
        try:
            row = stop(
                target, reason=obj.reason, until=obj.until, cancels=obj.cancels, by=request.user, version=version
            )
        except SwitchError as error:
            request.switch_error = str(error)  # type: ignore[attr-defined]
            obj.pk = obj.pk or Switch.objects.filter(target=target.key).values_list("pk", flat=True).first() or 0
            return
        obj.__dict__.update(row.__dict__)
        if doubt := doubt_of(target):
            messages.warning(request, doubt)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Nothing: the switch itself has written its entry."""

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """See log_addition()."""

    def response_add(self, request: HttpRequest, obj: Switch, post_url_continue: str | None = None) -> HttpResponse:
        return self._refused(request) or super().response_add(request, obj, post_url_continue)

    def response_change(self, request: HttpRequest, obj: Switch) -> HttpResponse:
        return self._refused(request) or super().response_change(request, obj)

    def _refused(self, request: HttpRequest) -> HttpResponse | None:
        error = getattr(request, "switch_error", "")
        if not error:
            return None
        messages.error(request, error)
        return self.response_post_save_change(request, Switch())

    @admin.action(description=_("Start the selected again"), permissions=["throw"])
    def start_selected(self, request: HttpRequest, queryset: Any) -> None:
        started = 0
        for row in queryset:
            try:
                start(Target(row.kind, row.server, row.name, row.label), by=request.user)
                started += 1
            except SwitchError as error:
                messages.warning(request, str(error))
        text = ngettext("%(count)d target is started again.", "%(count)d targets are started again.", started)
        messages.success(request, text % {"count": started})

    @admin.display(description=_("target"), ordering="label")
    def target_text(self, switch: Switch) -> str:
        return str(switch)

    @admin.display(description=_("state"))
    def state(self, switch: Switch) -> Any:
        """The state, and in a second line since when or until when."""
        if not switch.is_off():
            return _("runs")
        if switch.until is not None:
            when = gettext("until %(time)s") % {"time": date_format(localtime(switch.until), "SHORT_DATETIME_FORMAT")}
        else:
            since = date_format(localtime(switch.stopped_at or timezone.now()), "SHORT_DATETIME_FORMAT")
            when = gettext("since %(time)s") % {"time": since}
        return format_html('{}<br><span class="quiet">{}</span>', gettext("stopped"), when)
