"""`AdminToolset`: a `ModelToolset` by the rules of a `ModelAdmin`: its fields and read-only fields, its queryset and
search, its permissions, the validation of its form, its actions, and the history that it writes.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from typing import Annotated, Any, ClassVar, Final

from django import forms
from django.contrib import admin
from django.contrib.admin.utils import flatten_fieldsets, model_ngettext
from django.core.exceptions import NON_FIELD_ERRORS, ImproperlyConfigured
from django.db import IntegrityError, models, transaction
from django.http import HttpRequest, HttpResponse
from pydantic import Field

from django_mcp.primitives.access import Permission
from django_mcp.primitives.tools import ToolError
from django_mcp.primitives.toolsets import as_function

from . import model_fields
from .described import described
from .model_toolset import READS, WRITES, ModelToolset

MAX_ROWS: Final = 100
"""Rows that one call of an action may name."""


class AdminToolset(ModelToolset):
    """Tools on the rows of a model for those who may use its admin, and as far as they may there.

    `admin_class` is the `ModelAdmin`; `fields`, `search_fields` and what may be written are its own, unless they are
    given. `actions` names those of its actions that are tools. What is written is validated by the admin's form, saved
    by its `save_model`, and put down in its history.
    """

    hooks: ClassVar[Sequence[str]] = ("admin_class",)

    admin_class: ClassVar["type[admin.ModelAdmin[Any]]"]
    actions: ClassVar[Sequence[str]] = ()
    model_permissions: ClassVar[bool] = False

    @classmethod
    def tools(cls) -> Iterator[tuple[Callable[..., Any], dict[str, Any]]]:
        """The function of each operation and action, and its options."""
        own = cls._admin()
        if "fields" not in vars(cls):
            cls.fields = _fields_of(own)
        if not cls.search_fields:
            cls.search_fields = tuple(own.search_fields)
        yield from super().tools()
        for name in cls.actions:
            yield cls._action(name)

    @classmethod
    def _admin(cls) -> "admin.ModelAdmin[Any]":
        return cls.admin_class(cls.model, admin.site)

    @classmethod
    def _permissions(cls, operation: str) -> list[Permission]:
        return [*super()._permissions(operation), _permission(cls._admin(), WRITES.get(operation, "view"))]

    @classmethod
    def _writable(cls) -> list[str]:
        read_only = set(cls._admin().readonly_fields)
        return [name for name in super()._writable() if name not in read_only]

    @classmethod
    def _check_search(cls) -> None:
        if not cls.search_fields:
            raise ImproperlyConfigured(f"{cls.__qualname__}: search needs search_fields, of the admin or here.")

    def get_queryset(self) -> "models.QuerySet[Any]":
        """The rows that the admin lists to this user."""
        return self._admin().get_queryset(self._request())

    def _matching(self, query: str) -> "models.QuerySet[Any]":
        rows, may_repeat = self._admin().get_search_results(self._request(), self._rows(), query)
        return rows.distinct() if may_repeat else rows

    def _get(self, pk: Any) -> Any:
        row = super()._get(pk)
        if not self._admin().has_view_permission(self._request(), row):
            raise ToolError(f"There is no {self.model._meta.verbose_name} {pk}.")
        return row

    def _create(self, values: Mapping[str, Any]) -> dict[str, Any]:
        fields = (model_fields.resolve(self.model, name) for name in self._writable())
        defaults = {field.name: field.get_default() for field in fields if field.has_default()}
        return self._save_form(None, {**defaults, **values})

    def _change(self, row: Any, values: Mapping[str, Any]) -> dict[str, Any]:
        self._demand(self._admin().has_change_permission(self._request(), row), "change")
        return self._save_form(row, {**forms.model_to_dict(row, self._writable()), **values})

    def _delete(self, row: Any) -> None:
        own, request = self._admin(), self._request()
        self._demand(own.has_delete_permission(request, row), "delete")
        _, _, forbidden, protected = own.get_deleted_objects([row], request)
        if protected:
            raise ToolError(f"The {self.model._meta.verbose_name} is still in use, so it is kept.")
        self._demand(not forbidden, f"delete {', '.join(map(str, forbidden))} with")
        own.log_deletions(request, self.model._default_manager.filter(pk=row.pk))
        own.delete_model(request, row)

    def _save_form(self, row: Any, values: Mapping[str, Any]) -> dict[str, Any]:
        own, request = self._admin(), self._request()
        read_only = own.get_readonly_fields(request, row)
        names = [name for name in self._writable() if name not in read_only]
        form = self._form_class(own, request, names)(values, instance=row)
        if not form.is_valid():
            lines = [
                f"- {' '.join(errors)}" if name == NON_FIELD_ERRORS else f"- {name}: {' '.join(errors)}"
                for name, errors in form.errors.items()
            ]
            raise ToolError("\n".join(["Not saved:", *lines]))
        is_change = row is not None
        saved = own.save_form(request, form, change=is_change)
        self.prepare(saved)
        try:
            with transaction.atomic(using=saved._state.db):
                own.save_model(request, saved, form, change=is_change)
                form.save_m2m()
        except IntegrityError:
            raise ToolError(f"The {self.model._meta.verbose_name} conflicts with one that is there.") from None
        said = own.construct_change_message(request, form, [], add=not is_change)
        (own.log_change if is_change else own.log_addition)(request, saved, said)
        return self._show(self._rows().get(pk=saved.pk))

    def _form_class(self, own: Any, request: HttpRequest, names: Sequence[str]) -> Any:
        def field_for(db_field: Any, **options: Any) -> Any:
            field = own.formfield_for_dbfield(db_field, request, **options)
            # The admin asks for a moment in two boxes; here it comes in one piece.
            return db_field.formfield() if isinstance(field, forms.SplitDateTimeField) else field

        return forms.modelform_factory(self.model, form=own.form, fields=names, formfield_callback=field_for)

    def _demand(self, is_permitted: bool, verb: str) -> None:
        if not is_permitted:
            raise ToolError(f"You may not {verb} this {self.model._meta.verbose_name}.")

    def _request(self) -> HttpRequest:
        # A copy: what an action says must not go to the real one's session, to wait for the user's next page.
        request = copy(self.ctx.request)
        request.user = self.user  # type: ignore[assignment]
        request._messages = _Messages()  # type: ignore[attr-defined]
        return request

    @classmethod
    def _action(cls, name: str) -> tuple[Callable[..., Any], dict[str, Any]]:
        found = cls._admin().get_action(name)
        if found is None:
            raise ImproperlyConfigured(f"{cls.__qualname__}: {cls.admin_class.__name__} has no action {name!r}.")
        act, description = _said_of(found)
        names: Any = {"verbose_name": cls.model._meta.verbose_name, "verbose_name_plural": _plural(cls)}

        def method(self: AdminToolset, *, pks: list[Any]) -> str:
            own, request = self._admin(), self._request()
            self._demand(name in own.get_actions(request), f"{name} as for")
            rows = self._rows().filter(pk__in=pks)
            if missing := set(map(str, pks)) - {str(pk) for pk in rows.values_list("pk", flat=True)}:
                raise ToolError(f"There are no {_plural(cls)} {', '.join(sorted(missing))}; nothing was done.")
            if isinstance(act(own, request, rows), HttpResponse):
                raise ToolError("This action asks for something on a page of the admin, so it cannot be done here.")
            said = [str(message) for message in request._messages]  # type: ignore[attr-defined]
            return "\n".join(said) or f"Done with {len(pks)} {model_ngettext(cls.model._meta, len(pks))}."

        method.__name__, method.__qualname__ = name, f"{cls.__qualname__}.{name}"
        method.__module__, method.__doc__ = cls.__module__, f"{str(description) % names}."
        key = model_fields.type_of(model_fields.resolve(cls.model, "pk"))
        pks = Annotated[list[key], Field(min_length=1, max_length=MAX_ROWS, description="their keys")]  # type: ignore[valid-type]
        options = {
            "name": f"{cls.prefix}{name}_{_plural(cls).lower().replace(' ', '_')}",
            "read_only": False,
            "permission": cls._permissions(READS[0]),
            "scopes": cls.scopes,
        }
        return as_function(cls, described(method, {"pks": (pks, ...)}, str)), options


def from_admin(
    model: type[models.Model], admin_class: "type[admin.ModelAdmin[Any]]", **attributes: Any
) -> type[AdminToolset]:
    """An `AdminToolset` in one line: `toolset(from_admin(TripPlan, TripPlanAdmin, operations=("list", "get")))`."""
    members = {"model": model, "admin_class": admin_class, "__module__": admin_class.__module__, **attributes}
    return type(f"{model.__name__}AdminToolset", (AdminToolset,), members)


class _Messages(list[Any]):
    """What an action says to its user, instead of on the next page."""

    def add(self, level: int, message: Any, extra_tags: str = "") -> None:
        self.append(message)


def _said_of(action: Any) -> tuple[Any, Any]:
    """The function of an admin's action, and its description. A tuple before Django 6.1."""
    return (action.func, action.plural_description) if hasattr(action, "func") else (action[0], action[2])


def _permission(own: Any, action: str) -> Permission:
    class AdminPermission:
        """Hides a tool from whoever could not do the same in the admin."""

        def has_permission(self, request: HttpRequest, view: Any) -> bool:
            return bool(own.admin_site.has_permission(request) and getattr(own, f"has_{action}_permission")(request))

    return AdminPermission


def _fields_of(own: Any) -> tuple[str, ...]:
    """The key and the fields of the admin's form, as far as they are columns."""
    if own.fieldsets:
        named = flatten_fieldsets(own.fieldsets)
    elif own.fields:
        named = flatten_fieldsets([(None, {"fields": own.fields})])
    else:
        named = [field.name for field in own.model._meta.fields if field.editable]
    columns = {field.name for field in own.model._meta.concrete_fields}
    excluded = set(own.exclude or ()) | {own.model._meta.pk.name}
    return (own.model._meta.pk.name, *(name for name in named if name in columns and name not in excluded))


def _plural(cls: type[AdminToolset]) -> str:
    return str(cls.model._meta.verbose_name_plural)
