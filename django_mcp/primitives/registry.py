"""The registry: a server's primitives by name, in the order of declaration, which is the order of the lists."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import chain
from typing import Any, TypeVar

from django_mcp.exceptions import AlreadyRegistered

from .access import Access
from .prompts import Prompt, make_prompt
from .resources import Resource, ResourceTemplate, make_resource
from .signatures import Signature, describe_function
from .tools import Tool, make_tool

Primitive = TypeVar("Primitive", Tool, Resource, ResourceTemplate, Prompt)
Function = TypeVar("Function", bound=Callable[..., Any])


class Registry:
    """The tools, resources, resource templates and prompts of one server."""

    def __init__(self) -> None:
        self.tools: dict[str, Tool] = {}
        self.resources: dict[str, Resource] = {}
        self.templates: dict[str, ResourceTemplate] = {}
        self.prompts: dict[str, Prompt] = {}
        self.is_guarded = False
        self.is_translated = False
        self.replaced: list[tuple[str, str, str]] = []
        """The kind and key under which two functions of one name in a module were declared, and this name."""

    def add_tool(
        self,
        function: Callable[..., Any],
        *,
        parts: Mapping[str, Any] | None = None,
        searchable: bool = True,
        **options: Any,
    ) -> Tool:
        """Adds a tool with its options, and the data that extensions keep with it."""
        made = make_tool(function, **options)
        if parts or not searchable:
            made = replace(made, parts=parts or {}, searchable=searchable)
        tool = self._add(self.tools, made.name, made, "tool")
        if tool.describe is not None:
            # A schema that is made for each caller depends on the caller and on the language.
            self.is_guarded = self.is_translated = True
        return tool

    def add_resource(self, function: Callable[..., Any], uri: str, **options: Any) -> Resource | ResourceTemplate:
        resource = make_resource(function, uri, **options)
        if isinstance(resource, Resource):
            return self._add(self.resources, uri, resource, "resource")
        return self._add(self.templates, uri, resource, "resource template")

    def add_prompt(self, function: Callable[..., Any], **options: Any) -> Prompt:
        prompt = make_prompt(function, **options)
        return self._add(self.prompts, prompt.name, prompt, "prompt")

    def scopes(self) -> set[str]:
        """All scopes that the primitives here require."""
        kinds = (self.tools.values(), self.resources.values(), self.templates.values(), self.prompts.values())
        asked: list[Access | None] = [entry.access for entry in chain[Any](*kinds)]
        return {scope for access in asked if access is not None for scope in access.scopes}

    def find_resource(self, uri: str) -> tuple[Resource | ResourceTemplate, dict[str, str]] | None:
        """The resource with exactly this URI, else the first template that matches, in order of declaration, with its
        variables.
        """
        if exact := self.resources.get(uri):
            return exact, {}
        for candidate in self.templates.values():
            variables = candidate.template.match(uri)
            if variables is not None:
                return candidate, variables
        return None

    def access_to(self, uri: str) -> Access | None:
        """The access rules of a resource; `None` when it has none, or does not exist."""
        found = self.find_resource(uri) if self.is_guarded else None
        return found[0].access if found is not None else None

    def by_kind(self) -> dict[str, Mapping[str, Tool | Resource | ResourceTemplate | Prompt]]:
        """All primitives, by the name of their kind and by their key."""
        return {
            "tool": self.tools,
            "resource": self.resources,
            "resource template": self.templates,
            "prompt": self.prompts,
        }

    def has_completions(self) -> bool:
        return any(entry.completers for entry in self.templates.values()) or any(
            entry.completers for entry in self.prompts.values()
        )

    def _add(self, entries: dict[str, Primitive], key: str, primitive: Primitive, kind: str) -> Primitive:
        earlier = entries.get(key)
        if earlier is not None and _origin(earlier.signature) != _origin(primitive.signature):
            raise AlreadyRegistered(
                f"The {kind} {key!r} of {_origin(primitive.signature)} is already registered by "
                f"{_origin(earlier.signature)}; give one of them another name."
            )
        if earlier is not None and _place(earlier.signature) != _place(primitive.signature):
            self.replaced.append((kind, key, _origin(primitive.signature)))
        entries[key] = primitive
        self.is_guarded = self.is_guarded or primitive.access is not None
        self.is_translated = self.is_translated or primitive.is_translated
        return primitive


def _place(signature: Signature) -> Any:
    """The place of a function in the source. A module that is imported twice, or a function that makes tools, may
    declare the same place again without a conflict.
    """
    code = getattr(inspect.unwrap(signature.function), "__code__", None)
    return code and (code.co_filename, code.co_firstlineno)


def _origin(signature: Signature) -> str:
    return describe_function(signature.function)
