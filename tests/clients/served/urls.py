"""The server that the clients visit, and what a test does to it between two calls of a client."""

from typing import Any

from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from pydantic import BaseModel

from django_mcp import Context, MCPServer, UserMessage
from django_mcp.models import Session
from django_mcp.storage.sessions import terminate_all
from django_mcp.urls import endpoint

server = MCPServer("clients", version="1.0")


class Name(BaseModel):
    name: str


@server.tool(read_only=True)
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@server.tool(read_only=True)
def describe_caller(ctx: Context) -> dict[str, Any]:
    """Say in which era the client speaks, and what it declares."""
    return {"era": ctx.era, "revision": ctx.protocol_version, "capabilities": sorted(ctx.client_capabilities)}


@server.tool(destructive=False)
def ask_name(ctx: Context) -> str:
    """Ask the user for a name."""
    answer = ctx.elicit("Your name?", Name)
    return f"Hello, {answer.data.name}" if answer.data else f"The user chose to {answer.action}"


@server.tool(read_only=True)
def count(ctx: Context) -> str:
    """Count to three, and tell each number."""
    for number in (1, 2, 3):
        ctx.progress(number, 3, f"{number} of 3")
    return "Counted to three"


@server.resource("note://motto", mime_type="text/plain")
def motto() -> str:
    """The words over the door."""
    return "Festina lente"


@server.prompt
def greeting(name: str) -> UserMessage:
    """Greet somebody.

    Args:
        name: whom
    """
    return UserMessage(f"Say hello to {name}.")


@csrf_exempt
def change(request: HttpRequest) -> JsonResponse:
    """Announces that the list of tools has changed."""
    server.notify_tools_changed()
    return JsonResponse({})


@csrf_exempt
def end_sessions(request: HttpRequest) -> JsonResponse:
    """Terminates all sessions, as the admin does, and says how many there were."""
    return JsonResponse({"ended": len(terminate_all(Session.objects.all()))})


urlpatterns = [path("mcp", endpoint(server, public=True)), path("change", change), path("end", end_sessions)]
