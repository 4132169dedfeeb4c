"""A `ModelToolset` of every model that is installed, and an `AdminToolset` of every model that its admin has: all that
each would take, and the sentences with which it refused the rest.

Made as the apps are loaded, as a project's `mcp.py` is: before `migrate` was ever run.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.core.exceptions import ImproperlyConfigured

from django_mcp import MCPServer
from django_mcp.contrib.admin_toolset import AdminToolset
from django_mcp.contrib.model_toolset import ModelToolset

server = MCPServer("zoo", version="1")

READS = ("list", "get", "count", "aggregate", "search")
WRITES = ("create", "update", "delete")
TEXT = ("CharField", "SlugField", "TextField")
LOOKUPS = ("", "__in", "__isnull", "__icontains", "__gte")


@dataclass
class Served:
    """A model behind a toolset: `refused` are the sentences, by what was asked for."""

    model: type[Any]
    by_admin: bool
    refused: dict[str, str] = field(default_factory=dict)
    tools: dict[str, str] = field(default_factory=dict)
    fields: list[str] = field(default_factory=list)
    filters: list[str] = field(default_factory=list)
    ordering: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.model._meta.label}-{'admin' if self.by_admin else 'model'}"

    def declare(self) -> None:
        """Adds the toolset to the server."""
        attributes = dict(self._attributes())
        self.filters, self.ordering = attributes["filters"], attributes["ordering"]
        made = self._toolset(**attributes)
        server.toolset(made)
        self.fields = list(made.fields)
        options = [made._options(operation) for operation in attributes["operations"]]
        self.tools = dict(zip(attributes["operations"], [one["name"] for one in options], strict=True))

    def _attributes(self) -> Iterator[tuple[str, Any]]:
        names = list(dict.fromkeys(one.name for one in self.model._meta.get_fields()))
        base: dict[str, Any] = {"operations": ()}
        if not self.by_admin:
            base["fields"] = self._taken("fields", names, base)
            names = base["fields"]
            yield "fields", base["fields"]
        filters = [name + lookup for name in names for lookup in LOOKUPS]
        yield "filters", self._taken("filters", filters, base)
        yield "ordering", self._taken("ordering", names, base)
        if not self.by_admin:
            text = [one for one in names if self.model._meta.get_field(one).get_internal_type() in TEXT]
            base["search_fields"] = text
            yield "search_fields", text
            # A key that nobody counts is written where the toolset says so.
            base["writable"] = self._taken("writable", names, base)
            yield "writable", base["writable"]
        tried = [one for one in (*READS, *WRITES) if self._takes(one, **{**base, "operations": (one,)})]
        yield "operations", tuple(tried)

    def _taken(self, attribute: str, names: list[str], base: dict[str, Any]) -> list[str]:
        """Those of the names that the toolset takes; why not the others is found by halving."""
        if not names or not (refusal := self._refusal(**{**base, attribute: names})):
            return names
        if len(names) == 1:
            self.refused[f"{attribute} {names[0]}"] = refusal
            return []
        half = len(names) // 2
        return [*self._taken(attribute, names[:half], base), *self._taken(attribute, names[half:], base)]

    def _takes(self, what: str, **attributes: Any) -> bool:
        if refusal := self._refusal(**attributes):
            self.refused[what] = refusal
        return not refusal

    def _refusal(self, **attributes: Any) -> str:
        try:
            list(self._toolset(**attributes).tools())
        except ImproperlyConfigured as error:
            return str(error)
        return ""

    def _toolset(self, **attributes: Any) -> Any:
        bases: tuple[type[Any], ...] = (ModelToolset,)
        if self.by_admin:
            bases = (AdminToolset,)
            attributes = {"admin_class": type(admin.site._registry[self.model]), "prefix": "admin_", **attributes}
        attributes = {"model": self.model, "__module__": __name__, **attributes}
        return type(f"{self.model.__name__}Toolset", bases, attributes)


def _served() -> Iterator[Served]:
    for model in apps.get_models(include_auto_created=False):
        if model._meta.managed and not model._meta.swapped and model._meta.app_label not in OURS:
            yield Served(model, by_admin=False)
            if admin.site.is_registered(model):
                yield Served(model, by_admin=True)


OURS = ("django_mcp", "django_mcp_tokens")
SERVED = list(_served())
for one in SERVED:
    one.declare()
