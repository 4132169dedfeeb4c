"""A `ModelAdmin` or an inline, for one user's request: the fields of a row that it shows, and its form for a change.

Nothing here decides on permissions: each answer comes from the admin, for this request and this object. `columns_of`
and `arguments_of` need no request: they return the union over all users.
"""

import datetime
import decimal
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from html import unescape
from typing import Annotated, Any, Final

from django import forms
from django.contrib.admin.utils import flatten_fieldsets, label_for_field, lookup_field
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.forms import ReadOnlyPasswordHashField
from django.core.exceptions import ImproperlyConfigured, ObjectDoesNotExist
from django.db import models
from django.http import HttpRequest, QueryDict
from django.urls import ResolverMatch
from django.utils.choices import CallableChoiceIterator, flatten_choices
from django.utils.datastructures import MultiValueDict
from django.utils.html import strip_tags
from django.utils.safestring import SafeString
from pydantic import Field

from . import model_fields
from .field_choices import CHOICES_LIMIT

_HOOKS: Final = ("get_form", "get_formset", "get_fieldsets", "get_fields", "get_exclude", "get_readonly_fields")
_ROW_HOOKS: Final = (*_HOOKS, "get_list_display", "has_view_permission", "has_change_permission")
"""The methods of an admin that may depend on the row, if the project overrides them."""

_OURS: Final = ("django.contrib.admin.options", "django.contrib.auth.admin")
"""The modules whose methods depend only on the attributes of the admin."""

_ALL: Final = "all rows"
"""The key of an answer that is the same for all rows."""

_SHOWN: Final = (str, bool, int, float, decimal.Decimal, datetime.date, datetime.time, datetime.timedelta, uuid.UUID)

_TYPES: "Final[tuple[tuple[type[forms.Field], Any], ...]]" = (
    (forms.JSONField, Any),
    (forms.MultiValueField, list[Any]),
    (forms.NullBooleanField, bool | None),
    (forms.BooleanField, bool),
    (forms.FloatField, float),
    (forms.DecimalField, decimal.Decimal),
    (forms.IntegerField, int),
    (forms.DateTimeField, datetime.datetime),
    (forms.DateField, datetime.date),
    (forms.TimeField, datetime.time),
    (forms.DurationField, datetime.timedelta),
    (forms.UUIDField, uuid.UUID),
    (forms.MultipleChoiceField, list[str]),
    (forms.ChoiceField, str | int),
    (forms.CharField, str),
)
"""The form fields that a client can fill in, subclasses before their base classes."""


class AdminRequest:
    """A `ModelAdmin` with one user's request. The request is a copy, so the admin's messages are not shown
    elsewhere.
    """

    def __init__(self, model_admin: Any, request: HttpRequest, user: Any) -> None:
        self.model_admin = model_admin
        self.messages = _Messages()
        self.request: Any = _request_of(request, user, self.messages)
        self._is_the_same_for_all = not has_own(model_admin, _ROW_HOOKS)
        self._shown: dict[Any, frozenset[str]] = {}

    def shown(self, row: Any) -> frozenset[str]:
        """The columns and fields of a row that the admin shows this user."""
        key = _ALL if self._is_the_same_for_all else row.pk
        if key is None or key not in self._shown:
            self._shown[key] = frozenset(self._fields_shown(row) | self._listed().keys())
        return self._shown[key]

    def shown_of_all(self) -> frozenset[str]:
        """The columns and fields that the admin shows this user of an empty row."""
        try:
            return self.shown(self.model_admin.model())
        except Exception:
            # An admin that follows a row's relations fails on an empty row.
            return frozenset(self._listed())

    def filtered(self) -> set[str]:
        """The paths that the admin filters and lists by for this user."""
        entries = self.model_admin.get_list_filter(self.request)
        return {entry[0] if isinstance(entry, list | tuple) else entry for entry in entries} | self._listed().keys()

    def value(self, row: Any, name: str) -> Any:
        """The value of a column that is not a field: of a method or a property, as text unless it is data."""
        try:
            _, _, value = lookup_field(self._listed().get(name, name), row, self.model_admin)
        except ObjectDoesNotExist:
            return None
        if isinstance(value, SafeString):
            return unescape(strip_tags(value))
        return value if value is None or isinstance(value, _SHOWN) else str(value)

    def form(self, row: Any, arguments: Mapping[str, Any], left_out: Iterable[str] = ()) -> Any:
        """The admin's form of a row, or of a new one (`None`), bound to the given values; the other fields keep their
        initial values.
        """
        self._point_at(row)
        fields = flatten_fieldsets(self.model_admin.get_fieldsets(self.request, row))
        form_class = self.model_admin.get_form(self.request, row, change=row is not None, fields=fields)
        initial = self.model_admin.get_changeform_initial_data(self.request) if row is None else None
        form = form_class({}, {}, instance=row, initial=initial)
        for name in left_out:
            form.fields.pop(name, None)
        for name in form.fields:
            _fill(form, name, arguments)
        return form

    def inline_rows(self, inline: Any, row: Any, limit: int) -> "tuple[AdminRequest, list[Any]]":
        """The inline with its request, and the rows that it shows for a row."""
        formset_class = inline.get_formset(self.request, row)
        formset = formset_class(instance=row, queryset=inline.get_queryset(self.request))
        admin_request = copy(self)
        # The admin asks the parent's permissions too.
        admin_request.model_admin, admin_request._is_the_same_for_all, admin_request._shown = inline, True, {}
        if inline.has_view_or_change_permission(self.request, row):
            admin_request._shown[_ALL] = frozenset(_in_form(admin_request, row, formset_class.form.base_fields))
            return admin_request, list(formset.get_queryset()[:limit])
        return admin_request, []

    def _fields_shown(self, row: Any) -> set[str]:
        model_admin, request = self.model_admin, self.request
        self._point_at(row)
        if not model_admin.has_view_or_change_permission(request, row):
            return set()
        if model_admin.has_change_permission(request, row):
            fields = flatten_fieldsets(model_admin.get_fieldsets(request, row))
            return _in_form(self, row, model_admin.get_form(request, row, change=True, fields=fields).base_fields)
        # For users with only the view permission, all fields are read-only and the form is empty.
        excluded = model_admin.get_exclude(request, row)
        excluded = _meta(model_admin.form, "exclude") if excluded is None else excluded
        kept = set(model_admin.get_readonly_fields(request, row))
        named = flatten_fieldsets(model_admin.get_fieldsets(request, row))
        masked = {name for name, field in getattr(model_admin.form, "base_fields", {}).items() if _is_masked(field)}
        return {_name(name) for name in named if name in kept or name not in (excluded or ())} - masked

    def _listed(self) -> dict[str, Any]:
        """The columns of the admin's list: the name of each, and its lookup."""
        if not hasattr(self.model_admin, "get_list_display"):
            return {}
        return {_name(column): column for column in self.model_admin.get_list_display(self.request)}

    def _point_at(self, row: Any) -> None:
        """Sets the URL of the admin page that this would be, because some admins read it."""
        meta = self.model_admin.opts
        page, kwargs = ("add", {}) if row is None else ("change", {"object_id": str(row.pk)})
        name = f"{meta.app_label}_{meta.model_name}_{page}"
        self.request.resolver_match = ResolverMatch(_page, (), kwargs, url_name=name, app_names=["admin"])


def columns_of(model_admin: Any) -> list[str]:
    """The key, and all fields and columns that the admin may show, in its order."""
    key = model_admin.model._meta.pk.name
    named = [
        *_named(model_admin, adding=False),
        *map(_name, (*model_admin.readonly_fields, *getattr(model_admin, "list_display", ()))),
    ]
    return [key, *(name for name in dict.fromkeys(named) if name != key and _is_column(model_admin, name))]


def column_type(model_admin: Any, name: str) -> Any:
    """The type of a column that is not a field: the return annotation of its method."""
    listed = {
        _name(column): column for column in (*model_admin.readonly_fields, *getattr(model_admin, "list_display", ()))
    }
    try:
        label = str(label_for_field(listed.get(name, name), model_admin.model, model_admin))
    except AttributeError:
        label = ""
    return Annotated[Any, Field(description=label)] if label else Any


def is_hash(model: type[models.Model], path: str) -> bool:
    """Whether a path leads to a password hash."""
    try:
        field = model_fields.resolve(model, path)
    except ImproperlyConfigured:
        return False
    return field.name == "password" and issubclass(field.model, AbstractBaseUser)


def arguments_of(model_admin: Any, *, adding: bool) -> dict[str, tuple[Any, Any]]:
    """All arguments that the admin's form may take: each with its type and its default (`...` for none)."""
    form = _form_of(model_admin, adding)
    declared = form.declared_fields
    # A form's `__init__` may set initial values.
    is_sure = not has_own(model_admin, _HOOKS) and form.__init__ is forms.ModelForm.__init__
    arguments: dict[str, tuple[Any, Any]] = {}
    for name in _writable(model_admin, adding):
        field: Any = declared.get(name) or model_admin.model._meta.get_field(name)
        kind = _form_type(field) if name in declared else _model_type(field, adding)
        arguments[name] = (kind, ... if is_sure and _must_come(field) else None)
    return arguments


def cannot_come(model_admin: Any, arguments: Iterable[str]) -> list[str]:
    """The required fields of a new row that are not among the arguments."""
    if has_own(model_admin, _HOOKS) or _form_of(model_admin, True).__init__ is not forms.ModelForm.__init__:
        return []
    declared, names = _form_of(model_admin, True).declared_fields, set(arguments)
    fields = {
        name: declared.get(name) or model_admin.model._meta.get_field(name) for name in _named(model_admin, adding=True)
    }
    return [name for name, field in fields.items() if name not in names and _must_come(field)]


# Answers without a request.


def _named(model_admin: Any, *, adding: bool) -> list[str]:
    """The names in the admin's form, from its attributes; where methods decide, all possible names."""
    form = _form_of(model_admin, adding)
    fieldsets = (
        getattr(model_admin, "add_fieldsets", None)
        if adding and hasattr(model_admin, "add_form")
        else model_admin.fieldsets
    )
    editable = [field.name for field in _model_fields(model_admin.model) if field.editable]
    if fieldsets:
        named = flatten_fieldsets(fieldsets)
    elif model_admin.fields:
        named = flatten_fieldsets([(None, {"fields": model_admin.fields})])
    else:
        named = [*(editable if _meta(form, "fields") is None else _meta(form, "fields")), *form.declared_fields]
    excluded = _meta(form, "exclude") if model_admin.exclude is None else model_admin.exclude
    known = {*editable, *form.declared_fields}
    read_only = set() if adding else {name for name in named if name not in known}
    named = [name for name in named if name not in (excluded or ()) and (name in known or name in read_only)]
    if has_own(model_admin, _HOOKS):
        named = [*named, *editable, *form.declared_fields]
    return list(dict.fromkeys(map(_name, named)))


def _writable(model_admin: Any, adding: bool) -> Iterator[str]:
    declared = _form_of(model_admin, adding).declared_fields
    read_only = set() if has_own(model_admin, ("get_readonly_fields",)) else set(model_admin.readonly_fields)
    for name in _named(model_admin, adding=adding):
        field: Any = declared.get(name) or _model_field(model_admin.model, name)
        if field is None or name in read_only or is_hash(model_admin.model, name) or _is_file(field):
            continue
        if name in declared:
            if not field.disabled:
                yield name
        elif (adding or not field.primary_key) and field.editable:
            yield name


def _is_column(model_admin: Any, name: str) -> bool:
    if name in ("__str__", "action_checkbox", "<lambda>") or is_hash(model_admin.model, name):
        return False
    if model_fields.is_readable(model_admin.model, name):
        return True
    columns = map(_name, filter(callable, (*model_admin.readonly_fields, *getattr(model_admin, "list_display", ()))))
    return name in columns or any(hasattr(holder, name) for holder in (model_admin, model_admin.model))


def _meta(form: Any, option: str) -> Any:
    return getattr(getattr(form, "_meta", None), option, None)


def _form_of(model_admin: Any, adding: bool) -> Any:
    return model_admin.add_form if adding and hasattr(model_admin, "add_form") else model_admin.form


def _model_fields(model: type[models.Model]) -> list[Any]:
    return [
        field
        for field in (*model._meta.concrete_fields, *model._meta.many_to_many)
        if not model_fields.is_written_by_itself(field) and not model_fields.has_rows_between(field)
    ]


def _model_field(model: type[models.Model], name: str) -> Any:
    return next((field for field in _model_fields(model) if field.name == name), None)


def _model_type(field: Any, adding: bool) -> Any:
    try:
        kind = model_fields.parameter_type(field) if adding else model_fields.change_type(field)
    except ImproperlyConfigured:
        return Annotated[Any, Field(description=model_fields.describe(field) or field.name)]
    if not type(field).__module__.startswith("django.") and not field.choices:
        # Such as an amount with its currency: as a whole, or as a list of parts.
        return kind | list[Any] if isinstance(field.formfield(), forms.MultiValueField) else kind
    return kind


def _form_type(field: Any) -> Any:
    kind: Any = Any
    if isinstance(field, forms.ModelChoiceField):
        # A form's `__init__` may set the queryset.
        rows: Any = field.queryset
        kind = Any if rows is None else model_fields.type_of(rows.model._meta.pk)
        kind = list[kind] if isinstance(field, forms.ModelMultipleChoiceField) else kind
    else:
        kind = next((kind for form_field, kind in _TYPES if isinstance(field, form_field)), Any)
    if kind is str:
        kind = Annotated[str, model_fields.STORABLE]
    text = ". ".join(filter(None, [str(field.help_text or field.label or "").rstrip("."), _choices(field)]))
    kind = kind if field.required else kind | None if kind is not Any else Any
    return Annotated[kind, Field(description=text)] if text else kind


def _choices(field: Any) -> str:
    choices = getattr(field, "_choices", ())
    if isinstance(field, forms.ModelChoiceField) or isinstance(choices, CallableChoiceIterator):
        return ""
    pairs = [pair for pair in choices if isinstance(pair[1], str) or hasattr(pair[1], "_proxy____cast")]
    return "; ".join(f"{value}: {label}" for value, label in pairs[:CHOICES_LIMIT] if value != "")


def _must_come(field: Any) -> bool:
    if isinstance(field, forms.Field):
        return field.required and field.initial is None and not isinstance(field, forms.BooleanField)
    return not isinstance(field, models.BooleanField) and not model_fields.is_optional(field)


def _is_file(field: Any) -> bool:
    return isinstance(field, models.FileField | forms.FileField | ReadOnlyPasswordHashField)


def has_own(model_admin: Any, hooks: Sequence[str]) -> bool:
    """Whether code of the project overrides one of these methods."""
    methods = (getattr(model_admin, hook, None) for hook in hooks)
    return any(method is not None and getattr(method, "__module__", "") not in _OURS for method in methods)


# Answers for one request.


def _in_form(admin_request: AdminRequest, row: Any, in_form: Mapping[str, Any]) -> set[str]:
    read_only = set(admin_request.model_admin.get_readonly_fields(admin_request.request, row))
    named = flatten_fieldsets(admin_request.model_admin.get_fieldsets(admin_request.request, row))
    masked = {name for name, field in in_form.items() if _is_masked(field)}
    return {_name(name) for name in named if name in in_form or name in read_only} - masked


def _is_masked(field: Any) -> bool:
    """Whether the admin's page shows something else than the value: nothing, as for a password, or a summary."""
    widget = field.widget
    hides = isinstance(widget, forms.PasswordInput) and not widget.render_value
    return hides or isinstance(field, ReadOnlyPasswordHashField) or bool(getattr(widget, "read_only", False))


def _fill(form: Any, name: str, arguments: Mapping[str, Any]) -> None:
    """Makes a form's field read the given value, else its initial value, as if its page had been submitted."""
    field = form.fields[name]
    if isinstance(field, forms.SplitDateTimeField):
        # The admin's page splits a date and time into two inputs; here it is one value.
        whole = forms.DateTimeField(required=field.required, label=field.label, disabled=field.disabled)
        whole.initial = field.initial
        form.fields[name] = field = whole
    field.widget.supports_microseconds = True
    if name in arguments:
        value = _as_typed(form, name, field, arguments[name])
    else:
        value = _prepared(field, form.get_initial_for_field(field, name))
    field.widget.value_from_datadict = lambda data, files, html_name: value
    field.widget.value_omitted_from_data = lambda data, files, html_name: name not in arguments


def _as_typed(form: Any, name: str, field: Any, value: Any) -> Any:
    """A client's value in the form that the field accepts as user input."""
    if isinstance(field, forms.MultiValueField) and not isinstance(value, list):
        # The parts come from the model field's own decompression of the whole.
        row = copy(form.instance)
        model_fields.assign(row, {name: value})
        return field.widget.decompress(row._meta.get_field(name).value_from_object(row))
    if isinstance(field, forms.JSONField):
        return field.prepare_value(value)
    if isinstance(field, forms.MultipleChoiceField) and isinstance(value, str):
        return value.split(",") if value else []
    if isinstance(field, forms.CharField) and isinstance(value, list) and not _is_djangos(field):
        # Tags, which users type with commas between them.
        return ", ".join('"{}"'.format(str(tag).replace('"', "")) for tag in value)
    return value


def _prepared(field: Any, value: Any) -> Any:
    """An initial value of the form, as its page would submit it."""
    if isinstance(field, forms.FileField):
        return None
    if isinstance(field, forms.MultiValueField):
        return value if isinstance(value, list) else field.widget.decompress(value)
    if isinstance(value, datetime.datetime):
        return value
    is_select = isinstance(field.widget, forms.Select) and not field.widget.allow_multiple_selected
    if value is None and is_select and _has_listed_choices(field):
        # A browser submits the first choice.
        return next((choice for choice, _ in flatten_choices(field.choices)), None)
    value = field.prepare_value(value)
    writer = getattr(field.widget, "format_value", None)
    return value if writer is None or _is_djangos(writer) else writer(value)


def choices_of(field: Any) -> str:
    """The choices of a refused field as text, if they are not rows, and few."""
    if not _has_listed_choices(field):
        return ""
    values = [str(choice) for choice, _ in flatten_choices(field.choices) if choice not in (None, "")]
    return f" One of: {', '.join(values)}." if 0 < len(values) <= CHOICES_LIMIT else ""


def _has_listed_choices(field: Any) -> bool:
    return isinstance(field, forms.ChoiceField) and not isinstance(field, forms.ModelChoiceField)


def _is_djangos(object_: Any) -> bool:
    module = getattr(object_, "__module__", None) or type(object_).__module__
    return str(module).startswith("django.")


def _name(column: Any) -> str:
    return column if isinstance(column, str) else getattr(column, "__name__", "<lambda>")


def _request_of(original: HttpRequest, user: Any, messages: "_Messages") -> Any:
    # A copy, because the admin's messages must not go into the real session and appear on the user's next page. And its
    # URL and body are emptied, because an admin reads `_popup` and initial values from them.
    request: Any = copy(original)
    request.user = user
    request.method = "POST"
    request.GET, request.POST = QueryDict(), QueryDict()
    request._files = MultiValueDict()
    request._messages = messages
    return request


def _page() -> None:
    """A view for the URL of a page that does not exist."""


class _Messages(list[Any]):
    """The messages of an admin to its user, collected instead of shown on the next page."""

    def add(self, level: int, message: Any, extra_tags: str = "") -> None:
        self.append(message)
