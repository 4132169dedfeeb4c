"""docs/api.md: its tables name every argument with its default, and every member. Other pages name the options of the
classes that they are about.
"""

import ast
import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django_mcp
from django_mcp import (
    Budget,
    CacheHints,
    Context,
    EmbeddedResource,
    Icon,
    Invocation,
    MCPServer,
    Principal,
    ResourceLink,
    ToolResult,
    Toolset,
)
from django_mcp.contrib.admin_toolset import AdminToolset
from django_mcp.contrib.external_tokens import IntrospectionAuthentication, JWTAuthentication
from django_mcp.contrib.file_resources import FileFieldResource, StorageResource
from django_mcp.contrib.model_resource import ModelResource
from django_mcp.contrib.model_toolset import ModelToolset
from django_mcp.contrib.viewset_toolset import ViewSetToolset, ViewToolset
from django_mcp.endpoint.options import EndpointOptions
from django_mcp.observers import ObservedCall, Observer
from django_mcp.primitives.asking import Elicited, Sampled
from django_mcp.primitives.prompts import make_prompt
from django_mcp.primitives.resources import make_resource
from django_mcp.primitives.tools import make_tool
from django_mcp.testing import AsyncMCPClient, MCPClient
from django_mcp.views import MCPView
from tests.tables import cases

DOCS = Path(__file__).parent.parent / "docs"
PAGE = (DOCS / "api.md").read_text()
TABLE = re.compile(r"^\| (?P<head>\w+) \|.*\n\|[-|]+\|\n(?P<rows>(?:\|.*\n)+)", re.MULTILINE)


def table(section: str, head: str) -> dict[str, str]:
    """The names in the first column of a section's table, each with the cell beside it."""
    (text,) = re.findall(rf"^## {section}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    (rows,) = [found["rows"] for found in TABLE.finditer(text) if found["head"] == head]
    cells = [row.split(" | ") for row in rows.splitlines()]
    return {name: beside for first, beside, *_ in cells for name in re.findall(r"`(\w+)`", first)}


def arguments(function: Callable[..., Any]) -> dict[str, Any]:
    """The arguments of a function that have names of their own, with their defaults."""
    parameters = list(inspect.signature(function).parameters.values())
    return {one.name: one.default for one in parameters if not one.name.startswith("_")}


def members(cls: type[Any]) -> set[str]:
    """The public members of a class, and the fields of a dataclass."""
    names = {name for base in cls.__mro__[:-1] for name in (*vars(base), *vars(base).get("__annotations__", ()))}
    return {name for name in names if not name.startswith("_")}


def without(options: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: default for name, default in options.items() if name not in names}


@cases(
    ("section", "head", "expected"),
    [
        ("MCPServer", "Argument", arguments(MCPServer)),
        ("Tool options", "Argument", without(arguments(make_tool), "function")),
        ("Resource options", "Argument", without(arguments(make_resource), "function", "uri")),
        ("Prompt options", "Argument", without(arguments(make_prompt), "function")),
        ("Endpoints", "MCPView", {name: getattr(MCPView, name) for name in EndpointOptions.__annotations__}),
        *[("Values", cls.__name__, arguments(cls)) for cls in (Budget, CacheHints, ToolResult, Icon)],
        *[("Values", cls.__name__, arguments(cls)) for cls in (ResourceLink, EmbeddedResource)],
    ],
)
def test_every_argument_is_in_the_reference_with_its_default(section: str, head: str, expected: dict[str, Any]) -> None:
    shown = {
        name: inspect.Parameter.empty if default == "required" else ast.literal_eval(default.strip("`"))
        for name, default in table(section, head).items()
    }

    assert shown == expected


@cases(
    ("section", "head", "cls"),
    [
        ("Toolset", "Member", Toolset),
        ("Context", "Member", Context),
        ("Principal", "Member", Principal),
        ("Invocation", "Member", Invocation),
        ("Observing calls", "Observer", Observer),
        ("Observing calls", "ObservedCall", ObservedCall),
        ("Answers of the client", "Elicited", Elicited),
        ("Answers of the client", "Sampled", Sampled),
    ],
)
def test_every_member_is_in_the_reference(section: str, head: str, cls: type[Any]) -> None:
    assert set(table(section, head)) == members(cls)


def test_the_members_of_a_server_in_the_reference_exist() -> None:
    assert set(table("MCPServer", "Member")) <= members(MCPServer)


def test_every_public_name_is_in_the_reference() -> None:
    assert sorted(table("Names", "Name")) == sorted(django_mcp.__all__)


def declared(cls: type[Any]) -> set[str]:
    """The attributes that a subclass may set. `hooks` is of every toolset, and in the reference."""
    found = {name for name, hint in vars(cls)["__annotations__"].items() if "ClassVar" in str(hint)}
    return {name for name in found if not name.startswith("_")} - {"hooks"}


@cases(
    ("page", "names"),
    [
        ("models.md", declared(ModelToolset) | declared(AdminToolset)),
        ("drf.md", declared(ViewSetToolset) | declared(ViewToolset)),
        ("authentication.md", declared(JWTAuthentication) | declared(IntrospectionAuthentication)),
        ("resources.md", {*arguments(ModelResource), *arguments(FileFieldResource), *arguments(StorageResource)}),
        ("testing.md", {*arguments(MCPClient), *arguments(AsyncMCPClient)}),
    ],
)
def test_the_page_of_a_class_names_its_options(page: str, names: set[str]) -> None:
    text = (DOCS / page).read_text()

    assert sorted(name for name in names if not re.search(rf"\b{name}\b", text)) == []
