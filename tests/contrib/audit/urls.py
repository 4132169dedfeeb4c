"""The admin, beside endpoints whose calls it makes again."""

from django.contrib import admin
from django.urls import path
from rest_framework.authentication import TokenAuthentication

from django_mcp import Context, MCPServer
from django_mcp.urls import endpoint
from django_mcp.views import MCPView
from tests import policies

again = MCPServer("again")


@again.tool
def whoami(ctx: Context, password: str = "") -> str:
    """Say who calls."""
    ctx.info("Looking")
    return f"You are {ctx.user}"


@again.tool(permission="auth.add_user")
def guarded() -> str:
    """For those who may."""
    return "done"


@again.resource("note://{number}")
def note(number: int) -> str:
    """A note."""
    return f"Note {number}"


urlpatterns = [
    path("admin/", admin.site.urls),
    path("calls", endpoint(again)),
    path("old", endpoint(again, eras=("handshake",))),
    path("pageless", endpoint(again, page=False, authentication_classes=[TokenAuthentication])),
    path("throttled", endpoint(again, throttle_classes=[policies.NoMore])),
    path("view", MCPView.as_view(server=again)),
]
