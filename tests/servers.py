"""Servers for the tests of behaviour over HTTP: small primitives, most in both colours, that show what reached them."""

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from typing import Annotated, Any, Literal

from asgiref.sync import sync_to_async
from django.contrib.auth.models import Group
from django.db import connection, transaction
from django.utils.translation import get_language, gettext
from pydantic import BaseModel, Field
from rest_framework.permissions import IsAdminUser

from django_mcp import Budget, CacheHints, Context, Invocation, MCPServer, ToolError, UserMessage
from django_mcp.methods.request import Request
from django_mcp.primitives.tools import Tool

SECRET = "the password is hunter2"

HOW_MANY = {"type": "object", "properties": {"count": {"type": "integer"}}, "required": ["count"]}

plain = MCPServer("plain", version="1.0")
other = MCPServer("other", version="1.0")


@plain.tool(read_only=True)
def greet(name: str) -> str:
    """Greet somebody.

    Args:
        name: whom
    """
    return f"Hello, {name}"


@plain.tool(read_only=True)
async def greet_async(name: str) -> str:
    """Greet somebody, in a coroutine."""
    return f"Hello, {name}"


@plain.tool
def count(ctx: Context) -> int:
    """Count the calls of this session."""
    return _count(ctx)


@plain.tool
async def count_async(ctx: Context) -> int:
    """Count the calls of this session, in a coroutine."""
    return _count(ctx)


def _count(ctx: Context) -> int:
    assert ctx.session is not None
    ctx.session.state["count"] = ctx.session.state.get("count", 0) + 1
    return int(ctx.session.state["count"])


@plain.tool
def count_and_fail(ctx: Context) -> None:
    """Count, and fail."""
    raise ToolError(f"Counted {_count(ctx)}, and gave up")


@plain.tool
async def count_and_fail_async(ctx: Context) -> None:
    """Count, and fail, in a coroutine."""
    raise ToolError(f"Counted {_count(ctx)}, and gave up")


@plain.tool
def keep_object(ctx: Context) -> str:
    """Keep in the session what is no JSON."""
    assert ctx.session is not None
    ctx.session.state["object"] = object()
    return "kept"


@plain.tool
def save_group(name: str) -> str:
    """Write a row."""
    return Group.objects.create(name=name).name


@plain.tool
async def save_group_async(name: str) -> str:
    """Write a row, in a coroutine."""
    return (await Group.objects.acreate(name=name)).name


@plain.tool
def save_group_and_fail(name: str) -> str:
    """Write a row, and raise."""
    Group.objects.create(name=name)
    raise RuntimeError(SECRET)


@plain.tool
async def save_group_and_fail_async(name: str) -> str:
    """Write a row, and raise, in a coroutine."""
    await Group.objects.acreate(name=name)
    raise RuntimeError(SECRET)


@plain.tool(read_only=True)
def find_groups(name: str) -> list[str]:
    """Ask the database for a text."""
    return [group.name for group in Group.objects.filter(name=name)]


@plain.tool(read_only=True)
def describe_caller(ctx: Context) -> dict[str, Any]:
    """Say who called, and how."""
    return _describe(ctx)


@plain.tool(read_only=True)
async def describe_caller_async(ctx: Context) -> dict[str, Any]:
    """Say who called, and how, in a coroutine."""
    return _describe(ctx)


def _describe(ctx: Context) -> dict[str, Any]:
    return {
        "user": ctx.user.get_username(),
        "request_user": ctx.request.user.get_username(),
        "same_request": ctx.request is ctx.request,
        "path": ctx.request.path,
        "header": ctx.request.headers.get("X-Colour"),
        "era": ctx.era,
        "version": ctx.protocol_version,
        "client": ctx.client_info,
        "capabilities": ctx.client_capabilities,
        "session": ctx.session is not None,
        "log_level": ctx.session.log_level if ctx.session else None,
    }


@plain.tool
def order(dish: str, ctx: Context) -> str:
    """Order a dish, as much of it as the user wants."""
    ctx.info(f"Asked for {dish}")
    answer = ctx.elicit(f"How many {dish}?", HOW_MANY)
    return f"{answer.data['count']} {dish}" if answer.data else answer.action


@plain.resource("note://motto", mime_type="text/plain")
def motto() -> str:
    """The words over the door."""
    return "Festina lente"


@plain.resource("note://seal", mime_type="image/png")
async def seal() -> bytes:
    """The picture in the wax."""
    return b"\x89PNG"


def group_names(value: str) -> list[str]:
    return [name for name in ("editors", "readers", "writers") if name.startswith(value)]


@plain.resource("group://{name}", complete={"name": group_names})
def group(name: str) -> dict[str, str]:
    """A group that is in the database."""
    return {"name": Group.objects.get(name=name).name}


@plain.resource("broken://resource")
def broken_resource() -> str:
    """Raises."""
    raise RuntimeError(SECRET)


def tones(value: str, arguments: dict[str, str]) -> list[str]:
    return [f"{tone} about {arguments.get('topic', '?')}" for tone in ("dry", "droll") if tone.startswith(value)]


@plain.prompt(complete={"tone": tones})
def compose(topic: str, tone: str = "dry") -> UserMessage:
    """Ask for a text.

    Args:
        topic: what about
        tone: how
    """
    return UserMessage(f"Write about {topic}, in a {tone} tone.")


@plain.prompt
def answer() -> str:
    """Say yes, in the user's language."""
    return f"{get_language()}: {gettext('Yes')}"


@plain.prompt
async def answer_async() -> str:
    """Say yes, in the user's language, in a coroutine."""
    return f"{get_language()}: {gettext('Yes')}"


@plain.prompt
async def broken_prompt() -> str:
    """Raises."""
    raise RuntimeError(SECRET)


guarded = MCPServer("guarded", version="1.0", page_size=2, cache=CacheHints(5000, "public"))


@guarded.tool
def open_door() -> str:
    """Open to everybody."""
    return "open"


@guarded.tool(permission="auth.view_group")
def count_groups() -> int:
    """Count the groups."""
    return Group.objects.count()


@guarded.tool(permission=["auth.view_group", lambda principal: principal.user.is_staff], name="sync_staff")
async def staff_only() -> str:
    """For staff who may see groups."""
    return "staff"


@guarded.tool(permission=IsAdminUser)
def admins_only() -> str:
    """For whom a class of DRF's lets in."""
    return "admin"


@guarded.tool(scopes=["groups:read", "groups:write"])
def rename_group(name: str) -> str:
    """Needs scopes."""
    return name


@guarded.resource("secret://motto", permission="auth.view_group")
def secret_motto() -> str:
    """Hidden."""
    return "Festina lente"


@guarded.resource("secret://{name}", permission="auth.view_group", complete={"name": group_names})
def secret_group(name: str) -> str:
    """Hidden."""
    return name


@guarded.prompt(permission="auth.view_group", complete={"tone": tones})
def secret_prompt(tone: str) -> str:
    """Hidden."""
    return tone


class Seat(BaseModel):
    row: int = Field(ge=1)
    window: bool = False


class Meal(BaseModel):
    dish: Literal["fish", "pasta"]


forms = MCPServer("forms", version="1.0")


@forms.tool(read_only=True)
def book(
    name: Annotated[str, Field(pattern="^[A-Z]", description="Of the passenger")],
    day: date,
    at: datetime,
    seat: Seat,
    extras: list[Seat | Meal],
    cabin: Literal["first", "second"] = "second",
    weight: float | None = None,
    codes: list[int] = [],  # noqa: B006
    photo: Annotated[str, Field(json_schema_extra={"contentEncoding": "base64"})] = "",
    notes: Any = None,
) -> dict[str, Any]:
    """Take a field of each kind, and give back what came."""
    given = {"name": name, "day": day, "at": at, "seat": seat, "extras": extras, "cabin": cabin, "weight": weight}
    return {**given, "codes": codes, "photo": photo, "notes": notes}


forms.tool(order)
NODE = {"type": "object", "properties": {"child": {"$ref": "#/$defs/Node"}}, "required": ["child"]}
NEST = {
    "type": "object",
    "properties": {"node": {"$ref": "#/$defs/Node"}, "odd": {"title": "Odd", "pattern": "(?P<a>.)"}},
    "required": ["node"],
    "$defs": {"Node": NODE},
}


@forms.tool(read_only=True, input_schema=NEST)
def nest(**arguments: Any) -> str:
    """Take what holds itself."""
    return "taken"


released = threading.Event()


@forms.tool(read_only=True)
def wait(ctx: Context) -> str:
    """Say that half is done, and wait to be released."""
    ctx.progress(1, 2, "Half way")
    return "released" if released.wait(10) else "forgotten"


MARKUP = "</script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"

hostile = MCPServer("hostile", version="1.0", title=MARKUP, instructions=MARKUP)


@hostile.tool(description=MARKUP, title=MARKUP, read_only=True)
def markup(text: str = MARKUP) -> list[Any]:
    """Return what a browser would run."""
    return [{MARKUP: text}, "javascript:document.title='owned'"]


@hostile.tool(read_only=True)
def huge() -> str:
    """Return more than a page can show."""
    return "x" * 10_000_000


@hostile.tool
def purge_all(dry_run: bool = False) -> str:
    """Destroy, or only say so."""
    return "tried" if dry_run else "gone"


@hostile.resource("evil://page", mime_type="text/html")
def evil_page() -> str:
    """A page."""
    return MARKUP


seen: list[Any] = []


def watch(invocation: Invocation) -> Iterator[None]:
    """Notes every call, and what became of it."""
    what = (invocation.method, invocation.name, dict(invocation.arguments), invocation.ctx.user.get_username())
    try:
        yield
    except Exception as error:
        seen.append((*what, repr(error)))
        raise
    seen.append((*what, invocation.value))


watched = MCPServer("watched", version="1.0", middleware=[watch])


@watched.middleware
def stand_in(invocation: Invocation) -> Iterator[None]:
    """Answers some calls by itself, and changes the answers of others."""
    invocation.ctx.info("on the way")
    if invocation.arguments.get("name") == "cached":
        invocation.answer("from the cache")
    yield
    if invocation.arguments.get("name") == "shout":
        invocation.answer(invocation.value.upper())


for function in (greet, greet_async, save_group_and_fail, save_group_and_fail_async):
    watched.tool(function)
watched.resource("note://motto")(motto)
watched.resource("group://{name}")(group)
watched.prompt(compose)


@other.tool(read_only=True)
def whisper() -> str:
    """Known to the other server alone."""
    return "psst"


# Tools on terms

careful = MCPServer("careful", version="1.0")


def _write(name: str, how: str) -> int:
    if how == "orm":
        Group.objects.create(name=name)
    elif how == "bulk":
        Group.objects.bulk_create([Group(name=name)])
    elif how == "atomic":
        with transaction.atomic():
            Group.objects.create(name=name)
    elif how == "raw":
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO auth_group (name) VALUES (%s)", [name])
    return Group.objects.count()


@careful.tool(read_only=True)
def peek(name: str, how: str) -> int:
    """Count the groups, or try to make one."""
    return _write(name, how)


@careful.tool(read_only=True)
async def peek_async(name: str, how: str) -> int:
    """Count the groups, or try to make one, in a coroutine."""
    return await sync_to_async(_write)(name, how)


def _make(name: str) -> str:
    Group.objects.create(name=name)
    return f"{Group.objects.count()} groups"


@careful.tool(dry_run=True)
def make(name: str) -> str:
    """Make a group."""
    return _make(name)


@careful.tool(dry_run=True)
async def make_async(name: str) -> str:
    """Make a group, in a coroutine."""
    return await sync_to_async(_make)(name)


@careful.tool(dry_run=True)
def tally(ctx: Context) -> int:
    """Count the calls of the session."""
    assert ctx.session
    ctx.session.state["calls"] = ctx.session.state.get("calls", 0) + 1
    return ctx.session.state["calls"]


@careful.tool(dry_run=True)
async def tally_async(ctx: Context) -> int:
    """Count the calls of the session, in a coroutine."""
    return tally(ctx)


LITTLE = Budget(queries=3, rows=10, result_bytes=2000)


def _spend(queries: int, rows: int, size: int) -> str:
    Group.objects.create(name="spent")
    for _ in range(queries - 1):
        Group.objects.count()
    if rows:
        list(Group.objects.all()[:rows])
    return "." * size


@careful.tool(budget=LITTLE)
def spend(queries: int = 1, rows: int = 0, size: int = 1) -> str:
    """Use much."""
    return _spend(queries, rows, size)


@careful.tool(budget=LITTLE)
async def spend_async(queries: int = 1, rows: int = 0, size: int = 1) -> str:
    """Use much, in a coroutine."""
    return await sync_to_async(_spend)(queries, rows, size)


@careful.tool(budget=Budget(seconds=0.05))
async def wait_for_ever() -> str:
    """Wait."""
    await asyncio.Event().wait()
    return "never"


french = MCPServer("french", version="1.0", language=lambda ctx: "fr")
french.prompt(answer)


# Many tools, and tools that are chosen

many = MCPServer("many", version="1.0", search_tools_above=10)


def _multiplier(factor: int) -> Callable[[int], int]:
    def multiply(number: int) -> int:
        """Multiply a number."""
        return factor * number

    multiply.__qualname__ = f"multiply_by_{factor}"
    return multiply


for _factor in range(30):
    many.tool(name=f"multiply_by_{_factor}")(_multiplier(_factor))


@many.tool(always_listed=True)
def pinned() -> str:
    """Be seen."""
    return "seen"


@many.tool(permission=IsAdminUser, name="staff_only")
def for_staff() -> str:
    """For staff."""
    return "hello"


many.tool(name="save")(save_group)


class TenantServer(MCPServer):
    """Tools by the tenant that a header names, as a table would name it."""

    def get_tools(self, request: Request) -> Mapping[str, Tool]:
        tenant = request.headers.get("x-tenant", "")
        Group.objects.filter(name=tenant).exists()
        return {name: tool for name, tool in super().get_tools(request).items() if tenant and name.endswith(tenant)}


tenants = TenantServer("tenants", version="1.0")


@tenants.tool
def paint_red() -> str:
    """Paint."""
    return "red"


@tenants.tool
def paint_blue() -> str:
    """Paint."""
    return "blue"
