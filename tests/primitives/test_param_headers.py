import enum
from typing import Annotated, Literal

import pytest
from django.core.exceptions import ImproperlyConfigured
from pydantic import BaseModel, Field

from django_mcp import MCPServer
from django_mcp.primitives.param_headers import ParamHeader, read_param_headers
from django_mcp.primitives.tools import make_tool
from tests.tables import cases


class Region(enum.Enum):
    EU = "eu"
    US = "us"


class Address(BaseModel):
    city: Annotated[str, ParamHeader("City")]


class Customer(BaseModel):
    address: Address
    name: str


class Node(BaseModel):
    city: Annotated[str, ParamHeader("City")]
    next: "Node | None" = None


def tool_with(hint, default=...):
    def tool(region=default):
        pass

    if default is ...:

        def tool(region):
            pass

    tool.__annotations__["region"] = hint
    return make_tool(tool)


HEADER = ParamHeader("Region")


@cases(
    ("hint", "default", "described"),
    [
        (Annotated[str, HEADER], ..., {"type": "string"}),
        (Annotated[int, HEADER], ..., {"type": "integer"}),
        (Annotated[bool, HEADER], ..., {"type": "boolean"}),
        (Annotated[str, HEADER], "eu", {"type": "string", "default": "eu"}),
        (Annotated[str, Field(max_length=2), HEADER], ..., {"type": "string", "maxLength": 2}),
        (Annotated[str, HEADER, Field(description="Where")], ..., {"type": "string", "description": "Where"}),
        # A client would drop the whole tool for a union with null, so leaving it out says null.
        (Annotated[str | None, HEADER], None, {"type": "string"}),
        (Annotated[str | None, HEADER], ..., {"type": "string"}),
        (Annotated[str, HEADER] | None, None, {"type": "string"}),
        (Annotated[Region, HEADER], ..., {"type": "string", "enum": ["eu", "us"]}),
        (Annotated[Region | None, HEADER], None, {"type": "string", "enum": ["eu", "us"]}),
        (Annotated[Literal["eu", "us"], HEADER], ..., {"type": "string", "enum": ["eu", "us"]}),
    ],
)
def test_an_argument_is_marked_as_repeated_in_a_header(hint, default, described):
    tool = tool_with(hint, default)

    assert tool.definition["inputSchema"]["properties"] == {"region": {**described, "x-mcp-header": "Region"}}
    assert tool.param_headers == {"Region": ("region",)}


@cases(
    ("hint", "default"),
    [
        (Annotated[float, HEADER], ...),
        (Annotated[list[str], HEADER], ...),
        (Annotated[dict[str, str], HEADER], ...),
        (Annotated[Address, HEADER], ...),
        (Annotated[str | int, HEADER], ...),
        (Annotated[str | int | None, HEADER], None),
        (Annotated[Literal["eu", 1], HEADER], ...),
        (Annotated[None, HEADER], ...),
    ],
)
def test_only_strings_integers_and_booleans_are_repeated(hint, default):
    """Spec 2026-07-28 server/tools: a client drops the whole tool otherwise."""
    with pytest.raises(ImproperlyConfigured, match="needs a string, integer or boolean argument"):
        tool_with(hint, default)


@cases(
    "hint",
    [
        list[Address],
        Address | Customer,
        dict[str, Address],
        Node,
        Annotated[str, HEADER] | int,
        list[Annotated[str, HEADER]],
    ],
)
def test_only_arguments_that_are_always_there_are_repeated(hint):
    """Reached by properties alone: not in arrays, not in unions, not by reference."""
    with pytest.raises(ImproperlyConfigured, match="stands where no argument is"):
        tool_with(hint)


def test_arguments_inside_models_are_repeated():
    assert tool_with(Customer).param_headers == {"City": ("region", "address", "city")}


@cases("name", ["properties", "default", "const", "items", "enum", "$defs"])
def test_an_argument_may_be_called_as_a_keyword_is(name):
    schema = {"type": "object", "properties": {name: {"type": "string", "x-mcp-header": "A"}}}

    assert read_param_headers(schema, "Tool") == {"A": (name,)}


@cases("name", ["default", "properties"])
def test_an_argument_may_be_called_as_the_header_keyword_is(name):
    schema = {"type": "object", "properties": {"x-mcp-header": {"type": "string"}, name: {"type": "string"}}}

    assert read_param_headers(schema, "Tool") == {}


def test_data_that_looks_like_a_declaration_declares_nothing():
    schema = {
        "properties": {"a": {"type": "object", "default": {"x-mcp-header": "A"}, "examples": [{"x-mcp-header": 5}]}}
    }

    assert read_param_headers(schema, "Tool") == {}


@cases("name", ["Region", "x-region", "a1", "!#$%&'*+.^_`|~", "0"])
def test_a_header_has_the_name_of_one(name):
    schema = {"properties": {"a": {"type": "string", "x-mcp-header": name}}}

    assert read_param_headers(schema, "Tool") == {name: ("a",)}


@cases("name", ["", " ", "a b", "a:b", "Größe", "a\n", "a\r\nb", "(a)", 5, None, ["a"]])
def test_another_name_is_refused(name):
    schema = {"properties": {"a": {"type": "string", "x-mcp-header": name}}}

    with pytest.raises(ImproperlyConfigured, match="is not a header name"):
        read_param_headers(schema, "Tool")


@cases(
    "properties",
    [
        {"a": {"type": "string", "x-mcp-header": "Same"}, "b": {"type": "string", "x-mcp-header": "same"}},
        {
            "a": {"type": "string", "x-mcp-header": "Same"},
            "b": {"type": "object", "properties": {"c": {"type": "string", "x-mcp-header": "SAME"}}},
        },
    ],
)
def test_two_arguments_need_two_headers(properties):
    with pytest.raises(ImproperlyConfigured, match="two arguments are repeated in the header"):
        read_param_headers({"properties": properties}, "Tool")


def test_a_schema_given_by_hand_declares_headers_too():
    server = MCPServer("test")

    @server.tool(
        input_schema={"type": "object", "properties": {"region": {"type": "string", "x-mcp-header": "Region"}}}
    )
    def deploy(**arguments):
        pass

    assert server.registry.tools["deploy"].param_headers == {"Region": ("region",)}


def test_a_header_repeats_the_argument_under_the_name_that_clients_know():
    assert tool_with(Annotated[str, Field(alias="from"), HEADER]).param_headers == {"Region": ("from",)}


def test_the_message_names_the_tool():
    def deploy(size: Annotated[float, ParamHeader("Size")]):
        pass

    with pytest.raises(ImproperlyConfigured, match=r"^Tool 'deploy' \(.*deploy\): x-mcp-header 'Size' needs a string"):
        make_tool(deploy)
