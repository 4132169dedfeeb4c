"""Servers that the page is tried on alone."""

import base64
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, Field, create_model

from django_mcp import (
    Audio,
    Context,
    EmbeddedResource,
    Image,
    MCPServer,
    ParamHeader,
    ResourceLink,
    Sensitive,
    Text,
)
from django_mcp.methods.request import Request
from django_mcp.primitives.tools import Tool

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
FIELDS = {f"field_{number}": (str, "") for number in range(60)}
LONG = create_model("Long", **FIELDS)  # type: ignore[call-overload]


class SeenBy(MCPServer):
    """Lists the tools that are named after the user whom its code believes to list for, and their session."""

    def get_tools(self, request: Request) -> Mapping[str, Tool]:
        asked = request.caller.get_request()
        seen = {f"of_{asked.user.get_username()}", "of_a_session" if asked.session.session_key else ""}
        return {name: tool for name, tool in self.registry.tools.items() if name in seen}


seen_by = SeenBy("seen-by", version="1.0")
crowd = MCPServer("crowd", version="1.0", instructions="شكرا")
talk = MCPServer("talk", version="1.0")


def anything() -> str:
    """Do anything."""
    return "done"


for name in ("of_staff", "of_ada", "of_a_session"):
    seen_by.tool(anything, name=name, read_only=True)


def _numbered(number: int) -> Any:
    def numbered(word: str = "") -> str:
        return f"{number} {word}"

    return numbered


for number in range(300):
    crowd.tool(_numbered(number), name=f"tool_{number}", description=f"The tool with number {number}.", read_only=True)


@crowd.tool(read_only=True)
def fill_in(form: LONG) -> str:  # type: ignore[valid-type]
    """Take sixty fields."""
    return str(form.field_59)  # type: ignore[attr-defined]


@talk.tool(read_only=True)
def shout(ctx: Context) -> str:
    """Log ten thousand lines."""
    for line in range(10_000):
        ctx.info(f"line {line} " + "é" * 50)
    return "hoarse"


@talk.tool(read_only=True)
def advise(ctx: Context) -> str:
    """Ask the client's model, and for the client's folders."""
    said = ctx.sample("A slogan, in five words.", max_tokens=50)
    roots = ctx.list_roots()
    return f"{said.text} in {roots[0]['uri']}"


@talk.tool(read_only=True)
def unlock(
    name: str,
    password: Annotated[str, Sensitive()],
    pin: Annotated[str, Field(json_schema_extra={"format": "password"})],
    region: Annotated[str, ParamHeader("Region")],
) -> str:
    """Unlock a door."""
    return "open" if (name, password, pin) == ("ada", "sesame", "1234") else f"closed in {region}"


@talk.tool(read_only=True)
def gallery() -> list[Any]:
    """Return content of every kind."""
    return [
        Image(base64.b64decode(PIXEL), "image/png"),
        Audio(b"RIFF", "audio/wav"),
        EmbeddedResource("note://1", text="A note", mime_type="text/plain"),
        ResourceLink("note://2", "Another"),
        Text("The end"),
    ]


@talk.tool(read_only=True)
def pay(ctx: Context) -> str:
    """Send the person to an address."""
    return ctx.elicit_url("Pay there.", "https://pay.example/7").action


@talk.tool(read_only=True, description="Half of a pair: \ud83d", title="\x00\x1b[31m \u202e")
def halve() -> str:
    """Return what no encoding has."""
    return "before \ud83d after \x00 \x1b[31m"


class Counted(BaseModel):
    n: int


@talk.tool(read_only=True)
def count() -> Counted:
    """Count."""
    return Counted(n=1)


@talk.tool(read_only=True, output_schema={"$schema": "http://json-schema.org/draft-04/schema#", "type": "object"})
def remember() -> dict[str, Any]:
    """Return what an old schema describes."""
    return {"year": 2013}


@talk.tool(read_only=True)
def explain() -> str:
    """Return Markdown."""
    return "# Title\n\n* **one** <script>document.title = 'owned'</script>\n\n[run](javascript:document.title='owned')"


@talk.prompt(complete={"tone": lambda value: [tone for tone in ("formal", "friendly") if tone.startswith(value)]})
def letter(tone: str) -> str:
    """Write a letter."""
    return f"Write a {tone} letter."


@talk.resource("note://{name}")
def note(name: str) -> str:
    """A note."""
    return f"Note {name}"
