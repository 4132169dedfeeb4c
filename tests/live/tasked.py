"""A server whose tools run as tasks, and say by rows that they did."""

import os
import time

from django.contrib.auth.models import Group

from django_mcp import Context, MCPServer
from django_mcp.contrib.tasks import Tasks

tasked = MCPServer("tasked", version="1.0", extensions=[Tasks()])

NAME = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}


@tasked.tool(task="required", poll_seconds=0.1)
def leave(name: str) -> int:
    """Leave a row. Its name is unique, so a second run would fail."""
    Group.objects.create(name=name)
    return os.getpid()


@tasked.tool(task="required")
def linger(seconds: float, ctx: Context) -> int:
    """Say that it has begun, and stay for a while."""
    _stay(seconds, ctx)
    return os.getpid()


@tasked.tool(task="required", idempotent=True)
def linger_again(seconds: float, ctx: Context) -> int:
    """The same, and may be repeated."""
    _stay(seconds, ctx)
    return os.getpid()


@tasked.tool(task="required")
async def ask(ctx: Context) -> str:
    """Ask two things at once, and then a third."""
    both = await ctx.aelicit_all({"first": ("First?", NAME), "second": ("Second?", NAME)})
    third = await ctx.aelicit("Third?", NAME, key="third")
    return " ".join(answer.data["name"] for answer in (*both.values(), third))


def _stay(seconds: float, ctx: Context) -> None:
    end = time.monotonic() + seconds
    ctx.progress(1, message="begun")
    while time.monotonic() < end:
        ctx.raise_if_cancelled()
        time.sleep(0.05)
