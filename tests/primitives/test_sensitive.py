"""Secret parameters are found in annotations, in models, and under Django's decorator."""

from dataclasses import dataclass
from functools import partial
from typing import Annotated

from asgiref.sync import sync_to_async
from django.views.decorators.debug import sensitive_variables
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from django_mcp import MCPServer, Sensitive
from django_mcp.primitives.sensitive import ALL
from django_mcp.primitives.signatures import read
from tests.tables import cases


class Card(BaseModel):
    number: Annotated[str, Sensitive()]
    code: Annotated[str, Sensitive, Field(alias="theCode")]
    holder: str
    spare: "Card | None" = None


@dataclass
class Login:
    name: str
    word: Annotated[str, Sensitive()]


class Typed(TypedDict):
    word: Annotated[str, Sensitive()]


def plain(name: str, age: int = 0) -> str:
    return name


def marked(a: Annotated[str, Sensitive()], b: Annotated[str | None, Sensitive] = None, c: str = "") -> str:
    return a


def nested(cards: list[Card], login: Login | None, typed: dict[str, Typed]) -> str:
    return ""


def named(word: Annotated[str, Sensitive(), Field(alias="theWord")]) -> str:
    return word


@sensitive_variables("a", "local")
def decorated(a: str, b: str) -> str:
    return a


@sensitive_variables()
def wholly(a: str) -> str:
    return a


@sensitive_variables("a")
async def decorated_async(a: str, b: str) -> str:
    return a


class Tools:
    @sensitive_variables("a")
    def method(self, a: str, b: str) -> str:
        return a


@cases(
    ("function", "names"),
    [
        (plain, set()),
        (marked, {"a", "b"}),
        (nested, {"number", "code", "theCode", "word"}),
        (named, {"word", "theWord"}),
        (decorated, {"a", "local"}),
        (decorated_async, {"a"}),
        (wholly, ALL),
        (partial(decorated, b="x"), {"a", "local"}),
        (Tools().method, {"a"}),
        (sync_to_async(plain), set()),
        (sync_to_async(decorated), {"a", "local"}),
    ],
)
def test_the_secret_names_of_a_function(function, names):
    assert read(function).sensitive == names


def test_clients_see_no_difference():
    schemas = []
    for hint in (str, Annotated[str, Sensitive()]):

        def tool(word):
            return word

        tool.__annotations__ = {"word": hint}
        server = MCPServer("s")
        server.tool(tool)
        schemas.append(server.registry.tools["tool"].definition)

    assert schemas[0] == schemas[1]
