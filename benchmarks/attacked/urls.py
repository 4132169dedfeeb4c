"""An open endpoint, a closed one, two whose issuer hangs, and the authorization server."""

from django.conf import settings
from django.contrib.auth.models import Permission
from django.core.signals import request_finished
from django.db import connection, connections
from django.urls import include, path
from rest_framework.authentication import TokenAuthentication

from django_mcp import Context, MCPServer
from django_mcp.contrib.external_tokens import IntrospectionAuthentication, JWTAuthentication
from django_mcp.urls import endpoint

# Under ASGI each request to a view of Django's has a thread of its own, where a connection is kept for nobody. The
# lane keeps those of its threads.
request_finished.connect(lambda **kwargs: connections.close_all(), weak=False)

attacked = MCPServer("attacked", version="1.0")
NAME = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}


@attacked.tool(read_only=True)
def add(a: int, b: int) -> int:
    """Add two integers, in a thread."""
    return a + b


@attacked.tool
def ask(ctx: Context) -> str:
    """Ask for a name."""
    return str(ctx.elicit("Who are you?", NAME).data)


@attacked.tool
def ask_late(ctx: Context) -> str:
    """Ask for a name in the middle of a transaction. On SQLite that would keep every other writer waiting: there no
    tool may.
    """
    if connection.vendor != "sqlite":
        Permission.objects.count()
    return str(ctx.elicit("Who are you?", NAME).data)


@attacked.resource("large://file", mime_type="text/plain")
def large() -> str:
    """A resource of a megabyte."""
    return "x" * 1024 * 1024


@attacked.resource("two://{a}-{b}/x")
def two(a: str, b: str) -> str:
    """A template whose matching has choices."""
    return a + b


@attacked.resource("three://{a}-{b}-{c}/x")
def three(a: str, b: str, c: str) -> str:
    """A template with more of them."""
    return a + b + c


class JWTs(JWTAuthentication):
    issuer = settings.ISSUER
    audience = "attacked"
    jwks_url = f"{settings.ISSUER}/jwks"


class OpaqueTokens(IntrospectionAuthentication):
    issuer = settings.ISSUER
    audience = "attacked"
    introspection_url = f"{settings.ISSUER}/introspect"
    client_id = client_secret = "attacked"


urlpatterns = [
    path("mcp", endpoint(attacked, public=True)),
    path("closed", endpoint(attacked, authentication_classes=[TokenAuthentication])),
    path("jwt", endpoint(attacked, authentication_classes=[JWTs])),
    path("opaque", endpoint(attacked, authentication_classes=[OpaqueTokens])),
    path("", include("django_mcp.contrib.oauth.urls")),
]
