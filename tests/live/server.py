"""A server whose tools say in which process they run."""

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User

from django_mcp import Context, MCPServer, UserMessage
from django_mcp.models import Session

watched = MCPServer("watched", version="1.0")

# As a developer leaves it behind: it must reach no client that reads stdout.
print("printed at import")

NAME = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}


@watched.tool(read_only=True)
def babble() -> str:
    """Print, and have a subprocess print."""
    print("printed by a tool")
    subprocess.run(["echo", "written by a subprocess"], check=True)
    return sys.stdin.read()


@watched.tool(read_only=True)
def whose() -> int:
    """Say which process this is."""
    return os.getpid()


@watched.tool
def ask(ctx: Context) -> dict[str, Any]:
    """Ask the client all that a server can ask."""
    begun_in = os.getpid()
    name = ctx.elicit("Who are you?", NAME, key="name").data["name"]
    poem = ctx.sample("Write a poem", max_tokens=10, key="poem").text
    roots = [root["uri"] for root in ctx.list_roots(key="roots")]
    return {"pids": [begun_in, os.getpid()], "name": name, "poem": poem, "roots": roots}


@watched.tool
async def ask_async(ctx: Context) -> dict[str, Any]:
    """The same, in a coroutine."""
    begun_in = os.getpid()
    name = (await ctx.aelicit("Who are you?", NAME, key="name")).data["name"]
    poem = (await ctx.asample("Write a poem", max_tokens=10, key="poem")).text
    roots = [root["uri"] for root in await ctx.alist_roots(key="roots")]
    return {"pids": [begun_in, os.getpid()], "name": name, "poem": poem, "roots": roots}


@watched.tool
async def begin(ctx: Context) -> str:
    """Say that it has begun, and never end."""
    ctx.info("begun")
    await asyncio.Event().wait()
    return "never"


@watched.tool(read_only=True)
def hold(folder: str) -> int:
    """Leave word in a folder, and return when there is an answer in it."""
    (Path(folder) / "begun").touch()
    deadline = time.monotonic() + 30
    while not (Path(folder) / "go").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    return os.getpid()


@watched.tool(read_only=True)
async def hold_async(folder: str) -> int:
    """The same, in a coroutine."""
    (Path(folder) / "begun").touch()
    deadline = time.monotonic() + 30
    while not (Path(folder) / "go").exists() and time.monotonic() < deadline:
        await asyncio.sleep(0.01)
    return os.getpid()


@watched.tool
def pour(count: int, size: int, ctx: Context) -> str:
    """Say much, quickly."""
    for number in range(count):
        ctx.info({"number": number, "text": "x" * size})
    return "poured"


@watched.tool
def publish(session_ids: list[str], texts: list[str]) -> int:
    """Send each session each of the texts."""
    for session in Session.objects.filter(session_id__in=session_ids):
        for text in texts:
            session.send("notifications/message", {"level": "info", "data": text})
    return os.getpid()


@watched.tool
def touch(uri: str) -> int:
    """Say that a resource has changed."""
    watched.notify_resource_updated(uri)
    return os.getpid()


@watched.tool
def dismiss(username: str) -> int:
    """Deactivate a user."""
    return User.objects.filter(username=username).update(is_active=False)


@watched.resource("note://{number}")
def note(number: int) -> str:
    """A note."""
    return f"Note {number}"


@watched.prompt
def greet() -> UserMessage:
    """A greeting."""
    return UserMessage("Hello")
