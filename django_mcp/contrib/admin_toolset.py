"""`AdminToolset`: a `ModelToolset` that asks a `ModelAdmin` with each call, for this user and this object: for its
fields, columns and form, its way to save, its queryset, search, permissions and actions; and it writes the admin's
history.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from operator import mod
from typing import Annotated, Any, ClassVar, Final, NotRequired

from django.contrib import admin
from django.contrib.admin.exceptions import NotRegistered
from django.contrib.admin.utils import model_ngettext
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import (
    NON_FIELD_ERRORS,
    ImproperlyConfigured,
    ObjectDoesNotExist,
    PermissionDenied,
    ValidationError,
)
from django.db import IntegrityError, models, router, transaction
from django.db.models import ProtectedError, RestrictedError
from django.http import HttpRequest, HttpResponse
from django.utils.functional import lazy
from django.utils.html import strip_tags
from pydantic import Field

from django_mcp.primitives.access import Permission
from django_mcp.primitives.tools import ToolError
from django_mcp.primitives.toolsets import as_function

from . import admin_forms, model_fields, names
from .declared import require_class, require_names
from .described import described
from .model_toolset import READS, WRITES, ModelToolset, conflict, explain

MAX_ROWS: Final = 100
"""The maximum number of rows in one call of an action, and of an inline's rows that are shown."""

NAMED_LIMIT: Final = 10
"""The maximum number of rows that are named when a deletion is refused or unconfirmed."""


class AdminToolset(ModelToolset):
    """Tools on the rows of a model, with the rights that each user has in the model's admin.

    `admin_class` is the `ModelAdmin`, which is asked with each call: by default that which `admin_site` has registered
    for the model. `fields` and `writable` can only narrow what it shows and accepts. `actions` names those of its
    actions that become tools. Inlines are read-only.
    """

    hooks: ClassVar[Sequence[str]] = ("admin_class",)

    admin_class: ClassVar["type[admin.ModelAdmin[Any]]"]
    admin_site: ClassVar["admin.AdminSite"] = admin.site
    actions: ClassVar[Sequence[str]] = ()
    model_permissions: ClassVar[bool] = False
    _fields_by_admin: ClassVar[Sequence[str]] = ()

    @classmethod
    def tools(cls) -> Iterator[tuple[Callable[..., Any], dict[str, Any]]]:
        """The function of each operation and action, and its options."""
        require_class(cls, "model", models.Model)
        model_admin = cls._admin()
        if getattr(cls, "fields", ()) == cls._fields_by_admin:
            cls.fields = cls._fields_by_admin = tuple(admin_forms.columns_of(model_admin))
        require_names(cls, "actions")
        yield from super().tools()
        for name in cls.actions:
            yield cls._action(name)

    @classmethod
    def _admin(cls) -> "admin.ModelAdmin[Any]":
        if hasattr(cls, "admin_class"):
            return cls.admin_class(cls.model, cls.admin_site)
        try:
            return cls.admin_site.get_model_admin(cls.model)
        except NotRegistered as error:
            raise ImproperlyConfigured(
                f"{cls.__qualname__}: the admin site has no ModelAdmin of {cls.model.__name__}. Name one in "
                'admin_class, or have "django.contrib.admin" before "django_mcp" in INSTALLED_APPS.'
            ) from error

    @classmethod
    def _permissions(cls, operation: str) -> list[Permission]:
        permissions = [*super()._permissions(operation), _permission(cls._admin(), WRITES.get(operation, "view"))]
        if operation == "create" and issubclass(cls.model, AbstractBaseUser):
            # As in the admin: a user who can only add users could otherwise add one with the change permission.
            permissions.append(_permission(cls._admin(), "change"))
        return permissions

    @classmethod
    def _problems(cls) -> Iterator[str]:
        model_admin = cls._admin()
        shown = {cls.model._meta.pk.name, *admin_forms.columns_of(model_admin)}
        for name in cls.fields:
            if admin_forms.is_hash(cls.model, name):
                yield f"{name!r} is the hash of a password, which is never shown; leave it out of fields."
            elif name not in shown:
                admin_name = type(model_admin).__name__
                yield f"{admin_name} does not show {name!r}: name it in its readonly_fields or list_display."
        for path in (*cls.filters, *cls.ordering):
            if admin_forms.is_hash(cls.model, path.partition("__")[0]):
                yield f"{path!r} would tell of the hash of a password; leave it out."
        for name in sorted(set(cls.writable or ()) - {*cls._writable()} if cls.writable else ()):
            yield f"{type(model_admin).__name__} takes no {name!r} in its form; leave it out of writable."
        yield from super()._problems()

    @classmethod
    def _search_problems(cls) -> Iterator[str]:
        model_admin = cls._admin()
        if cls.search_fields:
            yield "the search is the admin's: name the search_fields there, and not here."
        elif not model_admin.search_fields and not admin_forms.has_own(
            model_admin, ("get_search_fields", "get_search_results")
        ):
            yield "search needs search_fields of the admin."

    @classmethod
    def _missing(cls) -> list[str]:
        is_prepared = cls.prepare is not ModelToolset.prepare and cls._narrowed() is not None
        return [] if is_prepared else admin_forms.cannot_come(cls._admin(), cls._create_arguments())

    @classmethod
    def _reading_problems(cls) -> Iterator[str]:
        # The admin's form limits the values of a relation, and its list_display and list_filter limit what is read
        # through it.
        yield from ()

    @classmethod
    def _paths(cls) -> list[str]:
        return [name for name in cls.fields if model_fields.is_readable(cls.model, name)]

    @classmethod
    def _narrowed(cls) -> set[str] | None:
        """The fields of the model that may be written, if the toolset declares them."""
        if cls.writable is not None:
            return set(cls.writable)
        return None if cls.fields == cls._fields_by_admin else set(cls.fields)

    @classmethod
    def _writable(cls) -> list[str]:
        return list(cls._create_arguments().keys() | cls._change_arguments().keys())

    @classmethod
    def _arguments(cls, *, adding: bool) -> dict[str, tuple[Any, Any]]:
        model_admin, kept = cls._admin(), cls._narrowed()
        arguments = admin_forms.arguments_of(model_admin, adding=adding)
        columns = {field.name for field in cls.model._meta.get_fields()}
        return {
            name: argument
            for name, argument in arguments.items()
            if kept is None or name in kept or name not in columns
        }

    @classmethod
    def _create_arguments(cls) -> dict[str, tuple[Any, Any]]:
        return cls._arguments(adding=True)

    @classmethod
    def _change_arguments(cls) -> dict[str, Any]:
        return {name: kind for name, (kind, _) in cls._arguments(adding=False).items()}

    @classmethod
    def _delete_arguments(cls) -> dict[str, tuple[Any, Any]]:
        text = "delete also the rows that go with it; without this, they are named and nothing is deleted"
        return {"with_related": (Annotated[bool, Field(description=text)], False)}

    @classmethod
    def _row_type(cls) -> Any:
        return cls._type_of_row({})

    @classmethod
    def _one_type(cls) -> Any:
        beneath = {}
        for name, inline_class in cls._inlines().items():
            inline = inline_class(cls.model, cls.admin_site)
            row = _columns_type(inline, admin_forms.columns_of(inline))
            beneath[name] = NotRequired[list[row]]  # type: ignore[valid-type]
        return cls._type_of_row(beneath)

    @classmethod
    def _type_of_row(cls, more: Mapping[str, Any]) -> Any:
        return _columns_type(cls._admin(), cls.fields, more)

    @classmethod
    def _inlines(cls) -> dict[str, Any]:
        """The inlines of the admin, each by its name in a row."""
        inlines: dict[str, Any] = {}
        for inline in cls._admin().inlines:
            name = names.plural(names.snake(inline.model.__name__))
            inlines[f"{name}_rows" if name in cls.fields or name in inlines else name] = inline
        return inlines

    def get_queryset(self) -> "models.QuerySet[Any]":
        """The rows that the admin lists for this user."""
        rows: models.QuerySet[Any] = self._admin_request.model_admin.get_queryset(self._admin_request.request)
        return rows

    @cached_property
    def _admin_request(self) -> admin_forms.AdminRequest:
        return admin_forms.AdminRequest(self._admin(), self.ctx.request, self.user)

    def _rows(self) -> "models.QuerySet[Any]":
        related = self._admin_request.model_admin.get_list_select_related(self._admin_request.request)
        rows = super()._rows()
        return rows.select_related(*related) if isinstance(related, list | tuple) and related else rows

    def _permit(self, *paths: str) -> None:
        """Raises `ToolError` for a path that a call filters, sorts or aggregates by, and that the admin hides from this
        user.
        """
        looked = {self.model._meta.pk.name, "pk", *self._admin_request.filtered(), *self._admin_request.shown_of_all()}
        for path in paths:
            name = path.removeprefix("-")
            if not looked & {name, model_fields.split_lookup(name)[0]}:
                raise ToolError(f"{name}: the admin shows you no such field to look for.")

    def _matching(self, query: str) -> "models.QuerySet[Any]":
        rows: models.QuerySet[Any]
        rows, may_repeat = self._admin_request.model_admin.get_search_results(
            self._admin_request.request, self._rows(), query
        )
        return rows.distinct() if may_repeat else rows

    def _get(self, pk: Any) -> Any:
        row = super()._get(pk)
        if not self._admin_request.model_admin.has_view_or_change_permission(self._admin_request.request, row):
            raise ToolError(f"There is no {self.model._meta.verbose_name} {pk}.")
        return row

    def _show(self, row: models.Model) -> dict[str, Any]:
        shown = self._admin_request.shown(row) | {self.model._meta.pk.name}
        return _values(self._admin_request, row, [name for name in self.fields if name in shown])

    def _show_one(self, row: models.Model) -> dict[str, Any]:
        admin_request = self._admin_request
        names_of = {inline: name for name, inline in self._inlines().items()}
        beneath = {}
        for inline in admin_request.model_admin.get_inline_instances(admin_request.request, row):
            if type(inline) in names_of:
                of_inline, rows = admin_request.inline_rows(inline, row, MAX_ROWS)
                columns = admin_forms.columns_of(inline)
                beneath[names_of[type(inline)]] = [
                    _values(of_inline, one, [columns[0], *(name for name in columns if name in of_inline.shown(one))])
                    for one in rows
                ]
        return {**self._show(row), **beneath}

    def _create(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return self._save_form(None, {name: value for name, value in values.items() if value is not None})

    def _change(self, row: Any, values: Mapping[str, Any]) -> dict[str, Any]:
        self._demand(self._admin_request.model_admin.has_change_permission(self._admin_request.request, row), "change")
        return self._save_form(row, values)

    def _delete(self, row: Any, *, with_related: bool = False) -> None:
        model_admin, request = self._admin_request.model_admin, self._admin_request.request
        self._demand(model_admin.has_delete_permission(request, row), "delete")
        nested, counts, forbidden, protected = model_admin.get_deleted_objects([row], request)
        if protected:
            in_use = _spoken(protected)
            raise ToolError(f"The {self.model._meta.verbose_name} is still in use, so it is kept: {in_use}.")
        self._demand(not forbidden, f"delete {', '.join(sorted(map(str, forbidden)))} with")
        along = list(_flat(nested))[1:]
        if along and not with_related:
            kinds = ", ".join(f"{count} {kind}" for kind, count in _without_one(counts, self.model).items())
            raise ToolError(
                f"Not deleted, since more would go with it ({kinds}): {_spoken(along)}. "
                "Give with_related=true to delete all of it."
            )
        try:
            model_admin.log_deletions(request, self.model._base_manager.filter(pk=row.pk))
            model_admin.delete_model(request, row)
        except (ProtectedError, RestrictedError):
            raise ToolError(f"The {self.model._meta.verbose_name} is still in use, so it is kept.") from None

    def _save_form(self, row: Any, arguments: Mapping[str, Any]) -> dict[str, Any]:
        form = self._admin_request.form(row, arguments, self._left_out() if row is None else ())
        refused = [name for name in arguments if name not in form.fields or form.fields[name].disabled]
        if refused:
            raise ToolError("\n".join(["Not saved:", *(f"- {name}: You may not write this here." for name in refused)]))
        if not form.is_valid():
            raise ToolError("\n".join(["Not saved:", *(_problem(form, name) for name in form.errors)]))
        return self._show(self._save_as_admin(form, is_change=row is not None))

    def _save_as_admin(self, form: Any, *, is_change: bool) -> Any:
        model_admin, request = self._admin_request.model_admin, self._admin_request.request
        row = model_admin.save_form(request, form, change=is_change)
        self.prepare(row)
        try:
            with transaction.atomic(using=row._state.db or router.db_for_write(self.model, instance=row)):
                model_admin.save_model(request, row, form, is_change)
                model_admin.save_related(request, form, [], is_change)
        except ValidationError as error:
            raise ToolError(explain(error)) from None
        except PermissionDenied:
            raise ToolError(f"You may not save this {self.model._meta.verbose_name}.") from None
        except IntegrityError:
            raise ToolError(conflict(row)) from None
        said = model_admin.construct_change_message(request, form, [], add=not is_change)
        (model_admin.log_change if is_change else model_admin.log_addition)(request, row, said)
        return self._saved(row)

    def _saved(self, row: Any) -> Any:
        # As in the admin, a user may save a row that the list does not show them.
        try:
            return self._rows().using(row._state.db).get(pk=row.pk)
        except ObjectDoesNotExist:
            return self.model._base_manager.using(row._state.db).get(pk=row.pk)

    def _left_out(self) -> list[str]:
        """The fields of the model that the toolset leaves out of a new row's form."""
        if self._narrowed() is None:
            return []
        taken = self._create_arguments()
        return [field.name for field in self.model._meta.get_fields() if field.name not in taken]

    def _demand(self, is_permitted: bool, verb: str) -> None:
        if not is_permitted:
            raise ToolError(f"You may not {verb} this {self.model._meta.verbose_name}.")

    @classmethod
    def _action(cls, name: str) -> tuple[Callable[..., Any], dict[str, Any]]:
        action = cls._admin().get_action(name)
        if action is None:
            raise ImproperlyConfigured(f"{cls.__qualname__}: {type(cls._admin()).__name__} has no action {name!r}.")
        act, description = _function_of(action)
        meta = cls.model._meta
        spoken: Any = {"verbose_name": meta.verbose_name, "verbose_name_plural": meta.verbose_name_plural}

        def method(self: AdminToolset, *, pks: list[Any]) -> str:
            admin_request = self._admin_request
            self._demand(name in admin_request.model_admin.get_actions(admin_request.request), f"{name} as for")
            rows = self._rows().filter(pk__in=pks)
            if missing := set(map(str, pks)) - {str(pk) for pk in rows.values_list("pk", flat=True)}:
                raise ToolError(f"There are no {_plural(cls)} {', '.join(sorted(missing))}; nothing was done.")
            if isinstance(act(admin_request.model_admin, admin_request.request, rows), HttpResponse):
                raise ToolError("This action asks for something on a page of the admin, so it cannot be done here.")
            messages = [str(message) for message in admin_request.messages]
            return "\n".join(messages) or f"Done with {len(pks)} {model_ngettext(cls.model._meta, len(pks))}."

        method.__name__, method.__qualname__ = name, f"{cls.__qualname__}.{name}"
        method.__module__, method.__doc__ = cls.__module__, f"{str(description) % spoken}."
        key = model_fields.type_of(model_fields.resolve(cls.model, "pk"))
        pks = Annotated[list[key], Field(min_length=1, max_length=MAX_ROWS, description="their keys")]  # type: ignore[valid-type]
        options = {
            "name": f"{cls.prefix}{name}_{cls.plural or names.plural(cls._noun())}",
            "title": lazy(mod, str)(description, spoken),
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


def _columns_type(model_admin: Any, columns: Sequence[str], more: Mapping[str, Any] | None = None) -> Any:
    """The type of a row in an admin: any of the columns but the key may be hidden from a user."""
    fields = [name for name in columns if model_fields.is_readable(model_admin.model, name)]
    others = {name: NotRequired[admin_forms.column_type(model_admin, name)] for name in columns if name not in fields}
    return model_fields.row_type(model_admin.model, fields, may_lack=True, more={**others, **(more or {})})


def _values(admin_request: admin_forms.AdminRequest, row: Any, columns: Sequence[str]) -> dict[str, Any]:
    return {
        name: model_fields.value_at(row, name)
        if model_fields.is_readable(admin_request.model_admin.model, name)
        else admin_request.value(row, name)
        for name in columns
    }


def _problem(form: Any, name: str) -> str:
    text = " ".join(form.errors[name])
    if name == NON_FIELD_ERRORS:
        return f"- {text}"
    return f"- {name}: {text}{admin_forms.choices_of(form.fields[name]) if name in form.fields else ''}"


def _function_of(action: Any) -> tuple[Any, Any]:
    """The function of an admin's action, and its description. A tuple before Django 6.1."""
    return (action.func, action.plural_description) if hasattr(action, "func") else (action[0], action[2])


def _permission(model_admin: Any, action: str) -> Permission:
    asked_for = "view_or_change" if action == "view" else action

    class AdminPermission:
        """Hides a tool from users who could not do the same in the admin."""

        def has_permission(self, request: HttpRequest, view: Any) -> bool:
            has_permission = getattr(model_admin, f"has_{asked_for}_permission")
            return bool(model_admin.admin_site.has_permission(request) and has_permission(request))

    return AdminPermission


def _flat(nested: Any) -> Iterator[str]:
    for item in nested:
        if isinstance(item, list | tuple):
            yield from _flat(item)
        else:
            yield strip_tags(str(item))


def _spoken(rows: Any) -> str:
    named = [strip_tags(str(row)) for row in rows]
    more = f" and {len(named) - NAMED_LIMIT} more" if len(named) > NAMED_LIMIT else ""
    return "; ".join(named[:NAMED_LIMIT]) + more


def _without_one(counts: Mapping[Any, int], model: type[models.Model]) -> dict[str, int]:
    """The number of rows of each kind that would be deleted along with the named row."""
    this_kind = model._meta.verbose_name_plural
    return {str(kind): left for kind, count in counts.items() if (left := count - (kind == this_kind))}


def _plural(cls: type[AdminToolset]) -> str:
    return str(cls.model._meta.verbose_name_plural)
