"""A server with tasks, for the tests of each module: what its tools do, they say."""

import time
from typing import Any

from django.contrib.auth.models import Group
from django.urls import include, path
from pydantic import BaseModel
from rest_framework.authentication import TokenAuthentication

from django_mcp import Budget, Context, InputRequired, MCPServer, ProtocolError, ToolError
from django_mcp.contrib.tasks import Tasks
from django_mcp.contrib.tokens.authentication import APITokenAuthentication
from django_mcp.urls import endpoint

ID = "io.modelcontextprotocol/tasks"
DECLARED = {"extensions": {ID: {}}, "elicitation": {}}
NAME = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}

server = MCPServer("tasked", version="1", extensions=[Tasks()])


class Sum(BaseModel):
    total: int


@server.tool(task="optional", task_ttl=60, poll_seconds=0.5)
def add(a: int, b: int) -> Sum:
    return Sum(total=a + b)


@server.tool
def inline(ctx: Context) -> str:
    return "inline"


@server.tool(task="required")
def fail(how: str, ctx: Context) -> str:
    Group.objects.create(name=how)
    match how:
        case "tool":
            raise ToolError("no")
        case "protocol":
            raise ProtocolError(-32050, "no", {"why": 1})
        case "half":
            return "half \ud800"
        case "half protocol":
            raise ProtocolError(-32050, "half\u0000 \ud800")
        case "fault":
            raise ValueError("secret")
        case "large":
            return "x" * 2_000_000
    return how


@server.tool(task="optional", permission="auth.add_group", throttle="3/day", budget=Budget(queries=3))
def guarded(ctx: Context) -> str:
    return ctx.user.get_username()


@server.tool(task="optional", idempotent=True)
async def again(ctx: Context) -> str:
    ctx.progress(1, 4)
    ctx.progress(2, 4, "half\u0000 \ud800")
    return "again"


@server.tool(task="optional")
def book(ctx: Context) -> str:
    both = ctx.elicit_all({"seat": ("Seat?", NAME), "meal": ("Meal?", NAME)})
    last = ctx.elicit("Sure?", NAME)
    return ", ".join(answer.data["name"] if answer.data else answer.action for answer in (*both.values(), last))


@server.tool(task="optional")
def nag(ctx: Context) -> str:
    raise InputRequired({"more": ctx.form_question("More?", NAME)}, state=ctx.call_state)


def ask(flight: str, ctx: Context) -> Any:
    return ctx.elicit(f"Who flies {flight}?", NAME, key="who")


@server.tool(task="optional", before_task=ask)
def fly(flight: str, ctx: Context, note: str = "") -> str:
    return f"{ask(flight, ctx).data['name']} flies {flight}"


async def aask(flight: str, ctx: Context) -> Any:
    return await ctx.aelicit(f"Who flies {flight}?", NAME, key="who")


@server.tool(task="optional", before_task=aask)
async def afly(flight: str, ctx: Context) -> str:
    return f"{(await aask(flight, ctx)).data['name']} flies {flight}"


@server.tool(task="optional")
def linger(ctx: Context, seconds: float = 30) -> str:
    Group.objects.create(name="lingered")
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        ctx.raise_if_cancelled()
        time.sleep(0.01)
    return "lingered"


urlpatterns = [
    path("mcp", include("django_mcp.urls")),
    path("tasked", endpoint(server, public=True, authentication_classes=[APITokenAuthentication, TokenAuthentication])),
]
