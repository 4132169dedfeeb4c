import dataclasses
import datetime
import decimal
import enum
import functools
import uuid
from collections.abc import Callable
from typing import Annotated, Any, Literal, NamedTuple, NotRequired

import jsonschema
import pytest
from asgiref.sync import sync_to_async
from django.core.exceptions import ImproperlyConfigured
from pydantic import AfterValidator, BaseModel, Field, ValidationError
from pydantic.version import version_short
from typing_extensions import TypedDict

from django_mcp import Context
from django_mcp.primitives import signatures
from tests.tables import cases

CONTEXT = object()
"""Stands for the context: a signature only hands it on."""

CLOSED = {"additionalProperties": False} if version_short() >= "2.14" else {}
"""Pydantic says it of data classes too from 2.14 on."""


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Size(enum.IntEnum):
    SMALL = 1
    LARGE = 2


@dataclasses.dataclass
class Point:
    x: int
    y: int = 0


class Address(BaseModel):
    city: str
    zip: str | None = None


class Node(BaseModel):
    name: str
    children: list["Node"] = []


class Cat(BaseModel):
    kind: Literal["cat"]


class Dog(BaseModel):
    kind: Literal["dog"]


class Movie(TypedDict):
    title: str
    year: NotRequired[int]


class Pair(NamedTuple):
    left: int
    right: str = "r"


def read(function, **options):
    signature = signatures.read(function, **options)
    jsonschema.Draft202012Validator.check_schema(signature.schema)
    return signature


def with_hint(hint, *default):
    """A function of one argument `value`, with an annotation and perhaps a default."""

    def function(value):
        pass

    function.__defaults__ = default or None
    function.__annotations__["value"] = hint
    return function


def described(function):
    """How the schema describes the one argument."""
    return read(function).schema["properties"]["value"]


def bound(function, value):
    return read(function).bind({"value": value}, None)["value"]


# Types


@cases(
    ("hint", "schema", "sent", "value"),
    [
        (int, {"type": "integer"}, 5, 5),
        (int, {"type": "integer"}, 10**30, 10**30),
        (float, {"type": "number"}, 5, 5.0),
        (bool, {"type": "boolean"}, True, True),
        (str, {"type": "string"}, "a\0b", "a\0b"),
        (bytes, {"type": "string", "format": "binary"}, "é", "é".encode()),
        (Any, {}, {"a": [None]}, {"a": [None]}),
        (None, {"type": "null"}, None, None),
        (list, {"type": "array", "items": {}}, [1, "a"], [1, "a"]),
        (list[int], {"type": "array", "items": {"type": "integer"}}, [1], [1]),
        (dict, {"type": "object", "additionalProperties": True}, {"a": 1}, {"a": 1}),
        (dict[str, int], {"type": "object", "additionalProperties": {"type": "integer"}}, {"a": 1}, {"a": 1}),
        (set[int], {"type": "array", "items": {"type": "integer"}, "uniqueItems": True}, [1, 1], {1}),
        (
            tuple[int, str],
            {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}], "minItems": 2, "maxItems": 2},
            [1, "a"],
            (1, "a"),
        ),
        (datetime.date, {"type": "string", "format": "date"}, "2026-07-28", datetime.date(2026, 7, 28)),
        (
            datetime.datetime,
            {"type": "string", "format": "date-time"},
            "2026-07-28T12:00:00Z",
            datetime.datetime(2026, 7, 28, 12, tzinfo=datetime.UTC),
        ),
        (datetime.timedelta, {"type": "string", "format": "duration"}, "PT90S", datetime.timedelta(seconds=90)),
        (uuid.UUID, {"type": "string", "format": "uuid"}, str(uuid.UUID(int=7)), uuid.UUID(int=7)),
        (Color, {"type": "string", "enum": ["red", "blue"]}, "red", Color.RED),
        (Size, {"type": "integer", "enum": [1, 2]}, 2, Size.LARGE),
        (Literal["a", "b"], {"type": "string", "enum": ["a", "b"]}, "a", "a"),
        (Literal["a"], {"type": "string", "const": "a"}, "a", "a"),
        (Literal["a", 1], {"enum": ["a", 1]}, 1, 1),
        (int | str, {"anyOf": [{"type": "integer"}, {"type": "string"}]}, "5", "5"),
        (int | None, {"anyOf": [{"type": "integer"}, {"type": "null"}]}, None, None),
        (Annotated[int, Field(ge=1, le=50)], {"type": "integer", "minimum": 1, "maximum": 50}, 50, 50),
        (
            Point,
            {
                "type": "object",
                "properties": {"x": {"type": "integer"}, "y": {"type": "integer", "default": 0}},
                "required": ["x"],
                **CLOSED,
            },
            {"x": 1},
            Point(1),
        ),
        (
            Address,
            {
                "type": "object",
                "properties": {
                    "city": {"type": "string"},
                    "zip": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
                },
                "required": ["city"],
            },
            {"city": "Zürich"},
            Address(city="Zürich"),
        ),
        (
            Movie,
            {
                "type": "object",
                "properties": {"title": {"type": "string"}, "year": {"type": "integer"}},
                "required": ["title"],
                "additionalProperties": False,
            },
            {"title": "M"},
            {"title": "M"},
        ),
        (
            Pair,
            {
                "type": "array",
                "prefixItems": [{"type": "integer"}, {"type": "string", "default": "r"}],
                "minItems": 1,
                "maxItems": 2,
            },
            [1],
            Pair(1),
        ),
        (
            Node,
            {"$ref": "#/$defs/Node"},
            {"name": "a", "children": [{"name": "b"}]},
            Node(name="a", children=[Node(name="b")]),
        ),
        (
            Annotated[Cat | Dog, Field(discriminator="kind")],
            {
                "oneOf": [
                    {"type": "object", "properties": {"kind": {"type": "string", "const": kind}}, "required": ["kind"]}
                    for kind in ("cat", "dog")
                ]
            },
            {"kind": "dog"},
            Dog(kind="dog"),
        ),
    ],
)
def test_what_pydantic_takes_may_annotate_an_argument(hint, schema, sent, value):
    function = with_hint(hint)

    assert described(function) == schema
    assert bound(function, sent) == value
    assert type(bound(function, sent)) is type(value)


def test_a_decimal_is_a_number_or_its_digits():
    function = with_hint(decimal.Decimal)

    assert {branch["type"] for branch in described(function)["anyOf"]} == {"number", "string"}
    assert bound(function, "1.50") == bound(function, 1.5) == decimal.Decimal("1.5")


def test_an_argument_without_annotation_is_anything():
    def function(value):
        pass

    assert described(function) == {}
    assert bound(function, [1, {"a": None}]) == [1, {"a": None}]


def test_what_refers_to_itself_has_its_definition_at_the_root():
    assert sorted(read(with_hint(Node)).schema["$defs"]) == ["Node"]


class Foreign:
    """A class that pydantic does not know."""


@cases("hint", [Foreign, list[Foreign], Callable[[int], int]])
def test_a_type_that_no_client_could_send_is_refused_at_start_up(hint):
    with pytest.raises(
        ImproperlyConfigured,
        match=r"with_hint.*: the type of the parameter \w+ has no JSON Schema \(.*(Foreign|Callable)",
    ):
        read(with_hint(hint))


def test_the_parameter_of_such_a_type_is_named_among_others():
    def draw(name: str, size: int = 1, *, canvas: Foreign | None = None) -> None: ...

    with pytest.raises(ImproperlyConfigured, match=r"the parameter canvas has no JSON Schema \(.*Foreign \| None\)"):
        read(draw)


# Defaults


@cases(
    ("hint", "default", "written"),
    [
        (int, 5, 5),
        (int, 0, 0),
        (bool, False, False),
        (str, "", ""),
        (Color, Color.RED, "red"),
        (Size, Size.SMALL, 1),
        (list[int], [1, 2], [1, 2]),
        (list[int], (), []),
        (dict, {}, {}),
        (Point, Point(1), {"x": 1, "y": 0}),
        (Address, Address(city="a"), {"city": "a", "zip": None}),
        (datetime.date, datetime.date(2026, 7, 28), "2026-07-28"),
        (decimal.Decimal, decimal.Decimal("1.50"), "1.50"),
        (uuid.UUID, uuid.UUID(int=7), str(uuid.UUID(int=7))),
        (Pair, Pair(1), [1, "r"]),
        (set[int], {1}, [1]),
        (bytes, b"a", "a"),
        (int | None, 5, 5),
    ],
)
def test_a_default_is_told_as_json_and_is_the_functions_own_to_fill_in(hint, default, written):
    signature = read(with_hint(hint, default))

    assert signature.schema["properties"]["value"]["default"] == written
    assert "required" not in signature.schema
    assert signature.bind({}, None) == {}


@cases("hint", [int | None, Annotated[int | None, Field(ge=1)]])
@cases("default", [None, Field(default=None), Field(None)])
def test_leaving_an_optional_argument_out_says_null(hint, default):
    """A union with null is more than many clients can read. Null itself is still taken."""
    signature = read(with_hint(hint, default))

    assert signature.schema["properties"]["value"]["type"] == "integer"
    assert not signature.schema["properties"]["value"].keys() & {"anyOf", "default"}
    assert signature.bind({"value": None}, None) == {"value": None}
    assert signature.bind({"value": 5}, None) == {"value": 5}


@cases("default", [float("inf"), float("nan")])
def test_a_default_that_json_has_no_word_for_is_not_told(default):
    assert described(with_hint(float, default)) == {"type": "number"}


@cases("default", [object(), b"\xff", [object()]])
def test_a_default_that_is_no_json_is_refused_at_start_up(default):
    with pytest.raises(ImproperlyConfigured, match=r"the default of value is not JSON"):
        read(with_hint(Any, default))


def test_a_field_may_stand_as_the_default():
    def function(
        required: int = Field(description="Needed", ge=1),
        given: int = Field(5, description="Five"),
        made: list[int] = Field(default_factory=list),  # noqa: B008
        color: Color = Field(default=Color.BLUE),  # noqa: B008
    ):
        pass

    signature = read(function)

    assert signature.schema == {
        "type": "object",
        "properties": {
            "required": {"type": "integer", "description": "Needed", "minimum": 1},
            "given": {"type": "integer", "description": "Five", "default": 5},
            "made": {"type": "array", "items": {"type": "integer"}},
            "color": {"type": "string", "enum": ["red", "blue"], "default": "blue"},
        },
        "required": ["required"],
        "additionalProperties": False,
    }
    assert signature.bind({"required": 1}, None) == {"required": 1, "given": 5, "made": [], "color": Color.BLUE}


def test_a_default_that_is_made_is_made_anew_for_each_call():
    """The default is in no schema: `default_factory=uuid4` would give each worker's clients another value."""
    made = iter(range(100))
    signature = read(with_hint(int, Field(default_factory=lambda: next(made))))
    assert signature.schema["properties"]["value"] == {"type": "integer"}
    assert [signature.bind({}, None) for _ in range(2)] == [{"value": 0}, {"value": 1}]

    lists = read(with_hint(list, Field(default_factory=list)))
    lists.bind({}, None)["value"].append(1)
    assert lists.bind({}, None) == {"value": []}


def test_a_default_may_stand_in_the_annotation():
    signature = read(with_hint(Annotated[int, Field(default=5)]))

    assert signature.schema["properties"]["value"] == {"type": "integer", "default": 5}
    assert "required" not in signature.schema
    assert signature.bind({}, None) == {"value": 5}


# Names


def test_arguments_may_have_the_names_that_pydantic_uses_itself():
    def function(
        model_config: int,
        copy: str,
        json: dict,
        schema: list,
        dict: int,
        self_: int,
        model_fields: int = 1,
        _private: int = 2,
    ):
        pass

    signature = read(function)

    assert list(signature.schema["properties"]) == [
        "model_config",
        "copy",
        "json",
        "schema",
        "dict",
        "self_",
        "model_fields",
        "_private",
    ]
    arguments = {"model_config": 1, "copy": "c", "json": {}, "schema": [], "dict": 3, "self_": 4, "_private": 5}
    assert signature.bind(arguments, None) == arguments


def test_an_argument_may_have_another_name_for_clients():
    def function(
        from_: Annotated[str, Field(alias="from")],
        class_: str = Field("economy", alias="class"),
        max_hops: Annotated[int | None, Field(alias="max-hops", description="Hops")] = None,
        via: Annotated[str, Field(validation_alias="via")] = "x",
    ):
        pass

    signature = read(function)

    assert signature.schema == {
        "type": "object",
        "properties": {
            "from": {"type": "string"},
            "class": {"type": "string", "default": "economy"},
            "max-hops": {"type": "integer", "description": "Hops"},
            "via": {"type": "string", "default": "x"},
        },
        "required": ["from"],
        "additionalProperties": False,
    }
    assert signature.bind({"from": "LHR", "max-hops": 2}, None) == {"from_": "LHR", "class_": "economy", "max_hops": 2}
    with pytest.raises(ValidationError):
        signature.bind({"from_": "LHR"}, None)


# The context


@cases("hint", [Context, Context | None])
def test_the_context_is_handed_in_and_is_no_argument(hint):
    def function(a: int, ctx, b: int = 1):
        pass

    function.__annotations__["ctx"] = hint
    signature = read(function)

    assert list(signature.schema["properties"]) == ["a", "b"]
    assert signature.context_names == ("ctx",)
    assert signature.bind({"a": 1}, CONTEXT) == {"a": 1, "ctx": CONTEXT}
    with pytest.raises(ValidationError):
        signature.bind({"a": 1, "ctx": 5}, CONTEXT)


def test_the_context_may_be_asked_for_by_a_subclass_and_twice():
    class Mine(Context):
        pass

    def function(mine: Mine, ctx: Context):
        pass

    signature = read(function)

    assert signature.schema == {"type": "object", "properties": {}, "additionalProperties": False}
    assert signature.bind({}, CONTEXT) == {"mine": CONTEXT, "ctx": CONTEXT}


# Callables


def plain(a: int, b: int = 2) -> int:
    """Adds.

    Args:
        a: the first
        b: the second
    """
    return a + b


async def coroutine(a: int) -> int:
    """Waits."""
    return a


class Instance:
    """An adder."""

    def __call__(self, a: int) -> int:
        """Calls.

        Args:
            a: the first
        """
        return a

    def method(self, a: int) -> int:
        """Methods."""
        return a

    @classmethod
    def class_method(cls, a: int) -> int:
        """Class methods."""
        return a

    @staticmethod
    def static_method(a: int) -> int:
        """Static methods."""
        return a


class AsyncInstance:
    """An async adder."""

    async def __call__(self, a: int) -> int:
        return a


def passed_on(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)

    return wrapper


def made_async(function):
    @functools.wraps(function)
    async def wrapper(*args, **kwargs):
        return function(*args, **kwargs)

    return wrapper


@cases(
    ("function", "name", "description", "is_async"),
    [
        (plain, "plain", "Adds.", False),
        (coroutine, "coroutine", "Waits.", True),
        (Instance(), "Instance", "Calls.", False),
        (AsyncInstance(), "AsyncInstance", "An async adder.", True),
        (Instance().method, "method", "Methods.", False),
        (Instance.class_method, "class_method", "Class methods.", False),
        (Instance.static_method, "static_method", "Static methods.", False),
        (functools.partial(plain), "plain", "Adds.", False),
        (functools.partial(functools.partial(coroutine)), "coroutine", "Waits.", True),
        (functools.partial(AsyncInstance()), "AsyncInstance", "An async adder.", True),
        (passed_on(plain), "plain", "Adds.", False),
        (passed_on(coroutine), "coroutine", "Waits.", True),
        (made_async(plain), "plain", "Adds.", True),
        (sync_to_async(plain), "plain", "Adds.", True),
        (functools.partial(made_async(plain)), "plain", "Adds.", True),
    ],
)
def test_whatever_can_be_called_is_read(function, name, description, is_async):
    signature = read(function)

    assert signature.schema["properties"]["a"]["type"] == "integer"
    assert (signature.function, signature.is_async, signature.returns) == (function, is_async, int)
    assert signature.description == description
    assert signatures.name_of(function) == name
    assert signature.bind({"a": 1}, None) == {"a": 1}


def test_an_instance_documents_its_arguments_where_it_is_called():
    assert read(Instance()).schema["properties"] == {"a": {"type": "integer", "description": "the first"}}


def test_a_lambda_takes_anything():
    assert read(lambda a, b=1: a).schema == {
        "type": "object",
        "properties": {"a": {}, "b": {"default": 1}},
        "required": ["a"],
        "additionalProperties": False,
    }


@cases(
    "function",
    [
        functools.partial(plain, b=5),
        functools.partial(functools.partial(plain, b=5)),
        functools.partial(functools.partial(plain, b=5), b=6),
    ],
)
def test_what_partial_has_filled_in_is_no_argument_of_a_clients(function):
    signature = read(function)

    assert list(signature.schema["properties"]) == ["a"]
    with pytest.raises(ValidationError):
        signature.bind({"a": 1, "b": 7}, None)
    assert function(**signature.bind({"a": 1}, None)) == function(1)


def test_what_partial_has_filled_in_by_position_is_gone():
    assert list(read(functools.partial(plain, 1)).schema["properties"]) == ["b"]


def test_a_function_without_arguments_takes_none():
    """As the specification recommends (2025-11-25 server/tools); some clients want the properties all the same."""
    signature = read(lambda: None)

    assert signature.schema == {"type": "object", "properties": {}, "additionalProperties": False}
    with pytest.raises(ValidationError):
        signature.bind({"a": 1}, None)


def positional_only(a, /):
    pass


def any_number(*numbers: int):
    pass


def anything(**options: int):
    pass


async def generator(a: int):
    yield a


@cases(
    ("function", "message"),
    [
        (
            positional_only,
            "positional_only: a cannot be an argument of a client's call; use parameters that have names",
        ),
        (any_number, r"any_number: \*numbers: int cannot be an argument"),
        (anything, r"anything: \*\*options: int cannot be an argument"),
        (Instance.method, r"Instance\.method: a method needs its object; register the bound method"),
        (Instance.__call__, r"Instance\.__call__: a method needs its object"),
        (generator, "generator: an asynchronous generator has no one result"),
    ],
)
def test_what_no_client_could_call_is_refused_at_start_up(function, message):
    with pytest.raises(ImproperlyConfigured, match=message):
        read(function)


def test_anything_goes_where_a_schema_is_given_elsewhere():
    signature = read(anything, open_ended=True)

    assert signature.bind({"b": 1}, None) == {"b": 1}


def test_an_annotation_that_is_not_there_at_start_up_is_named():
    def function(value: "OnlyForTypeCheckers"):  # noqa: F821
        pass

    with pytest.raises(ImproperlyConfigured, match=r"name 'OnlyForTypeCheckers' is not defined.*outside TYPE_CHECKING"):
        read(function)


def test_annotations_may_be_text():
    """As they all are in a module that says `from __future__ import annotations`."""
    source = """
from __future__ import annotations
from typing import Annotated
from pydantic import BaseModel, Field
from django_mcp import Context

class Point(BaseModel):
    x: int

def function(ctx: Context, at: Point, limit: Annotated[int, Field(ge=1)] = 3, name: str | None = None) -> list[Point]:
    pass
"""
    namespace = {"__name__": "written_in_a_test"}
    exec(compile(source, "written_in_a_test", "exec", dont_inherit=True), namespace)
    signature = read(namespace["function"])

    assert signature.context_names == ("ctx",)
    assert signature.returns == list[namespace["Point"]]
    assert signature.schema == {
        "type": "object",
        "properties": {
            "at": {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]},
            "limit": {"type": "integer", "minimum": 1, "default": 3},
            "name": {"type": "string"},
        },
        "required": ["at"],
        "additionalProperties": False,
    }


# Docstrings


def google_style():
    """Find books.

    In any language.

    Args:
        title: part of the title, any case
        limit (int, optional): how many, and
            what that means:
            see below
        *rest: more

    Returns:
        the books: as many as there are
    """


def field_lists():
    """Find books.

    :param title: part of the title
    :param int limit: how many
    :type title: str
    :returns: the books
    :raises ValueError: never
    """


def section_in_the_text():
    """Find books.

    Args: this is prose, and no section.

    Example:
        find("x")
    """


def other_sections():
    """
    Find books.

    Raises:
        ValueError: title: never

    Args:
        title: part of the title
    """


def nothing():
    pass


def nothing_to_say():
    """Find books.

    Args:

    Returns:
        the books
    """


@cases(
    ("function", "description", "documented"),
    [
        (
            google_style,
            "Find books.\n\nIn any language.",
            {
                "title": "part of the title, any case",
                "limit": "how many, and what that means: see below",
                "rest": "more",
            },
        ),
        (field_lists, "Find books.", {"title": "part of the title", "limit": "how many"}),
        (section_in_the_text, "Find books.\n\nArgs: this is prose, and no section.", {}),
        (other_sections, "Find books.", {"title": "part of the title"}),
        (nothing, "", {}),
        (nothing_to_say, "Find books.", {}),
    ],
)
def test_a_docstring_describes_the_function_and_its_arguments(function, description, documented):
    def described(title="", limit="", rest=""):
        pass

    described.__doc__ = function.__doc__
    signature = read(described)

    assert signature.description == description
    properties = signature.schema["properties"]
    assert {name: text["description"] for name, text in properties.items() if "description" in text} == documented


def test_an_annotation_describes_better_than_a_docstring():
    def function(a: Annotated[int, Field(description="said here")], b: int = Field(description="and here")):
        """Does.

        Args:
            a: said there
            b: and there
        """

    properties = read(function).schema["properties"]

    assert [properties[name]["description"] for name in "ab"] == ["said here", "and here"]


# Errors in arguments


@cases(
    ("hint", "sent", "text"),
    [
        (int, {"value": "x"}, "- value: Input should be a valid integer, unable to parse string as an integer"),
        (int, {}, "- value: Field required"),
        (int, {"value": 1, "other": 2}, "- other: Unknown argument"),
        (Address, {"value": {}}, "- value.city: Field required"),
        (
            list[Point],
            {"value": [{"x": 1}, {"x": "a"}]},
            "- value.1.x: Input should be a valid integer, unable to parse string as an integer",
        ),
        (Annotated[int, Field(le=50)], {"value": 51}, "- value: Input should be less than or equal to 50"),
        (Literal["a", "b"], {"value": "c"}, "- value: Input should be 'a' or 'b'"),
        (
            int | list[int],
            {"value": "x"},
            "- value.int: Input should be a valid integer, unable to parse string as an integer\n"
            "- value.list[int]: Input should be a valid list",
        ),
    ],
)
def test_what_is_wrong_is_told_by_argument(hint, sent, text):
    with pytest.raises(ValidationError) as error:
        read(with_hint(hint)).bind(sent, None)

    assert signatures.explain(error.value) == text


def test_a_validator_of_the_developers_own_is_told_in_its_words():
    def no_odd(value):
        if value % 2:
            raise ValueError("must be even")
        return value

    with pytest.raises(ValidationError) as error:
        read(with_hint(Annotated[int, AfterValidator(no_odd)])).bind({"value": 3}, None)

    assert signatures.explain(error.value) == "- value: Value error, must be even"
