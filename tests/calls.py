"""A server whose calls end in each way that there is, and the table of them."""

import asyncio
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import Group

from django_mcp import Budget, Cancelled, Context, MCPServer, ToolError
from tests import policies

SECRET = "hunter2-of-the-call"

calls = MCPServer("calls", version="1.0")


@calls.tool(read_only=True)
def greet(name: str, password: str = "") -> str:
    """Greet somebody."""
    return f"Hello, {name}"


@calls.tool(read_only=True)
async def greet_async(name: str, password: str = "") -> str:
    """Greet somebody, in a coroutine."""
    return f"Hello, {name}"


@calls.tool
def refuse(password: str) -> str:
    """Refuse."""
    raise ToolError(f"{password} is wrong")


@calls.tool
async def refuse_async(password: str) -> str:
    """Refuse, in a coroutine."""
    raise ToolError(f"{password} is wrong")


@calls.tool
def fail(password: str) -> str:
    """Fail."""
    raise RuntimeError(password)


@calls.tool
async def fail_async(password: str) -> str:
    """Fail, in a coroutine."""
    raise RuntimeError(password)


@calls.tool(permission=lambda principal: False)
def hide(password: str) -> str:
    """Nobody may."""
    return password


@calls.tool(throttle=policies.NoMore)
def limit(password: str) -> str:
    """Nobody may now."""
    return password


@calls.tool(budget=Budget(queries=1))
def spend(password: str) -> int:
    """Make two queries."""
    return Group.objects.count() + Group.objects.count()


@calls.tool(dry_run=True)
def found(name: str, password: str = "") -> str:
    """Make a group."""
    return Group.objects.create(name=name).name


@calls.tool
def stop(password: str) -> str:
    """End as if the client had cancelled the call."""
    raise Cancelled


@calls.tool
async def stop_async(password: str) -> str:
    """End as if the client had cancelled the call, in a coroutine."""
    raise Cancelled


@calls.tool
def ask(ctx: Context, password: str = "") -> str:
    """Ask which directories the client works in."""
    return str(len(ctx.list_roots()))


@calls.tool(read_only=True)
def groups() -> list[str]:
    """Name the groups."""
    return [group.name for group in Group.objects.all()]


@calls.tool(read_only=True)
async def groups_async() -> list[str]:
    """Name the groups, in a coroutine."""
    return [group.name async for group in Group.objects.all()]


@calls.tool(read_only=True)
async def wait() -> str:
    """Wait for ever."""
    await asyncio.Event().wait()
    return ""


@calls.resource("note://{number}/{token}")
def note(number: int, token: str) -> str:
    """A note."""
    return "A note"


@calls.prompt(complete={"name": lambda value: [value + "!"]})
def write(name: str, password: str = "") -> str:
    """Write to somebody."""
    return f"Write to {name}"


@dataclass(frozen=True)
class Sent:
    """A request, and how it ends."""

    outcome: str
    method: str
    params: dict[str, Any]
    error_class: str = ""
    name: str = ""


def _tool(outcome: str, name: str, error_class: str = "", /, **arguments: Any) -> Sent:
    arguments = {"password": SECRET, **arguments}
    return Sent(outcome, "tools/call", {"name": name, "arguments": arguments}, error_class, name)


SENT = (
    _tool("ok", "greet", name="Ada"),
    _tool("ok", "greet_async", name="Ada"),
    _tool("tool_error", "refuse", "ToolError"),
    _tool("tool_error", "refuse_async", "ToolError"),
    _tool("failed", "fail", "RuntimeError"),
    _tool("failed", "fail_async", "RuntimeError"),
    _tool("forbidden", "hide", "ProtocolError"),
    _tool("unknown", "nothing", "ProtocolError"),
    _tool("throttled", "limit", "TooManyCalls"),
    _tool("invalid", "greet", "InvalidArguments"),
    _tool("over_budget", "spend", "BudgetExceeded"),
    _tool("dry_run", "found", name="Tried", dry_run=True),
    _tool("cancelled", "stop", "Cancelled"),
    _tool("cancelled", "stop_async", "Cancelled"),
    Sent("ok", "resources/read", {"uri": f"note://7/{SECRET}"}, name=f"note://7/{SECRET}"),
    Sent("unknown", "resources/read", {"uri": "note://none"}, "ProtocolError", "note://none"),
    Sent("ok", "prompts/get", {"name": "write", "arguments": {"name": "Ada", "password": SECRET}}, name="write"),
    Sent("invalid", "prompts/get", {"name": "write", "arguments": {"password": SECRET}}, "ProtocolError", "write"),
    Sent(
        "ok",
        "completion/complete",
        {"ref": {"type": "ref/prompt", "name": "write"}, "argument": {"name": "name", "value": "A"}},
        name="write",
    ),
)
"""A request for each outcome, in both colours where they could differ. A modern `ask` ends with `input_required`."""
