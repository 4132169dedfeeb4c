"""Toolsets: classes whose public methods are tools, in every combination of what a class can do."""

from typing import Annotated

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ImproperlyConfigured
from django.test import RequestFactory
from pydantic import Field

from django_mcp import Context, MCPServer, Toolset, tool_options
from django_mcp.primitives.context import Caller, Principal
from tests.answering import MODERN, ask
from tests.tables import cases

REQUEST = RequestFactory().post("/")


def caller(key="user:1"):
    return Caller(Principal(key, AnonymousUser()), lambda: REQUEST)


class Greetings(Toolset):
    """Says hello."""

    prefix = "greet_"
    word = "Hello"

    def politely(self, name: Annotated[str, Field(max_length=9)], *, title: str = "Dr") -> str:
        """Greet somebody with a title.

        Args:
            title: before the name
        """
        return self._say(f"{title} {name}")

    @tool_options(read_only=True, title="Quick")
    async def quickly(self, name: str) -> str:
        """Greet somebody in a coroutine."""
        return self._say(name)

    def who(self) -> list[str]:
        """Say who asks."""
        return [self.ctx.principal.key, str(self.request is REQUEST), self.user.get_username()]

    def _say(self, whom: str) -> str:
        return f"{self.word}, {whom}"


class Farewells(Greetings):
    prefix = "part_"
    word = "Goodbye"
    who = None

    def quickly(self, name: str) -> str:
        """Part in haste."""
        return super()._say(name.upper())

    @tool_options(name="wave")
    def silently(self) -> None:
        """Wave."""


def serve(*toolsets):
    server = MCPServer("test", version="1")
    for one in toolsets:
        assert server.toolset(one) is one
    return server


def call(server, tool, **arguments):
    return ask(server, "tools/call", {"name": tool, "arguments": arguments}, MODERN, caller=caller()).result


def test_public_methods_are_tools_and_nothing_else_is():
    tools = serve(Greetings).registry.tools

    assert [tool.definition for tool in tools.values()] == [
        {
            "name": "greet_politely",
            "title": "Greet politely",
            "description": "Greet somebody with a title.",
            "inputSchema": {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    "name": {"type": "string", "maxLength": 9},
                    "title": {"type": "string", "description": "before the name", "default": "Dr"},
                },
                "required": ["name"],
            },
            "annotations": {"title": "Greet politely"},
        },
        {
            "name": "greet_quickly",
            "title": "Quick",
            "description": "Greet somebody in a coroutine.",
            "inputSchema": {
                "type": "object",
                "additionalProperties": False,
                "properties": {"name": {"type": "string"}},
                "required": ["name"],
            },
            "annotations": {"title": "Quick", "readOnlyHint": True},
        },
        {
            "name": "greet_who",
            "title": "Greet who",
            "description": "Say who asks.",
            "inputSchema": {"type": "object", "properties": {}, "additionalProperties": False},
            "outputSchema": {"type": "array", "items": {"type": "string"}},
            "annotations": {"title": "Greet who"},
        },
    ]


@cases(
    ("name", "arguments", "text"),
    [
        ("greet_politely", {"name": "Ada"}, "Hello, Dr Ada"),
        ("greet_politely", {"name": "Ada", "title": "Ms"}, "Hello, Ms Ada"),
        ("greet_quickly", {"name": "Ada"}, "Hello, Ada"),
        ("part_politely", {"name": "Ada"}, "Goodbye, Dr Ada"),
        ("part_quickly", {"name": "Ada"}, "Goodbye, ADA"),
    ],
)
def test_methods_run_in_both_colours_and_as_they_are_inherited(name, arguments, text):
    assert call(serve(Greetings, Farewells), name, **arguments)["content"] == [{"type": "text", "text": text}]


def test_a_method_knows_the_request():
    assert call(serve(Greetings), "greet_who")["structuredContent"] == ["user:1", "True", ""]


def test_what_a_subclass_does_not_want_it_sets_to_none():
    assert list(serve(Farewells).registry.tools) == ["part_politely", "part_quickly", "wave"]


def test_hooks_are_no_tools_wherever_they_are_declared():
    class Base(Toolset):
        hooks = ("get_rows",)

        def get_rows(self) -> list[str]:
            return []

        def count(self) -> int:
            return len(self.get_rows())

    class Derived(Base):
        hooks = ("more",)

        def get_rows(self) -> list[str]:
            return ["a"]

        def more(self) -> None: ...

    server = serve(Derived)
    assert list(server.registry.tools) == ["count"]
    assert call(server, "count")["structuredContent"] == 1


def test_what_a_class_asks_for_holds_for_methods_that_say_nothing():
    class Guarded(Toolset):
        permission = "a.b"
        scopes = ("read",)

        def one(self) -> None: ...

        @tool_options(permission=None)
        def two(self) -> None: ...

        @tool_options(scopes=["write"])
        def three(self) -> None: ...

    access = [tool.access for tool in serve(Guarded).registry.tools.values()]
    assert [(len(one.rules), one.scopes) for one in access] == [(1, ("read",)), (0, ("read",)), (1, ("write",))]


def test_each_call_has_an_object_of_its_own():
    class Counting(Toolset):
        count = 0

        def increase(self) -> int:
            self.count += 1
            return self.count

    server = serve(Counting)
    assert [call(server, "increase")["structuredContent"] for _ in range(2)] == [1, 1]


def test_a_toolset_may_be_on_several_servers_and_twice_on_one():
    serve(Greetings)
    assert len(serve(Greetings, Greetings).registry.tools) == 3


def test_options_add_up():
    class Twice(Toolset):
        @tool_options(title="A")
        @tool_options(read_only=True, title="B")
        def one(self) -> None: ...

    definition = serve(Twice).registry.tools["one"].definition
    assert (definition["title"], definition["annotations"]) == ("A", {"title": "A", "readOnlyHint": True})


def with_static():
    class Broken(Toolset):
        @staticmethod
        def one() -> None: ...

    return Broken


def with_context():
    class Broken(Toolset):
        def one(self, ctx: Context) -> None: ...

    return Broken


def with_unknown():
    class Broken(Toolset):
        def one(self, thing: "Nothing") -> None: ...  # noqa: F821

    return Broken


@cases(
    ("make", "remedy"),
    [(with_static, "begin the name"), (with_context, "leave ctx out"), (with_unknown, "outside TYPE_CHECKING")],
)
def test_a_toolset_that_cannot_work_says_what_to_change(make, remedy):
    with pytest.raises(ImproperlyConfigured, match=remedy):
        serve(make())
