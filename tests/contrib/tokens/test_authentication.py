"""An endpoint for API tokens, in every lane and era."""

import pytest
from django.contrib.auth.models import User
from django.urls import path

from django_mcp import Context, MCPServer
from django_mcp.contrib.tokens.authentication import APITokenAuthentication
from django_mcp.contrib.tokens.models import APIToken
from django_mcp.testing import MCPClient, MCPError
from django_mcp.urls import endpoint
from tests import wire
from tests.tables import cases

pytestmark = pytest.mark.django_db

server = MCPServer("tokens", version="1")


@server.tool(read_only=True)
def whoami(ctx: Context) -> str:
    """The caller."""
    return f"{ctx.user} {ctx.principal.client_id} {sorted(ctx.principal.scopes or ['anything'])}"


@server.tool(read_only=True, scopes=["write"])
def write() -> str:
    """Write."""
    return "written"


class urls:
    urlpatterns = [path("mcp", endpoint(server, authentication_classes=[APITokenAuthentication]))]


@pytest.fixture(autouse=True)
def routes(settings):
    settings.ROOT_URLCONF = urls


@pytest.fixture
def issue():
    ada = User.objects.create_user("ada")
    return lambda **options: APIToken.issue(ada, "x", **options)


def bearing(connect, text):
    return connect("/mcp", headers={"Authorization": f"Bearer {text}"})


def test_a_token_opens_the_endpoint_and_says_who_and_how_far(connect, issue):
    row, text = issue(scopes=["read"])
    client = bearing(connect, text)

    assert client.call_tool("whoami").text == f"ada token-{row.pk} ['read']"
    with pytest.raises(MCPError) as refused:
        client.call_tool("write")
    assert refused.value.status == 403
    row.refresh_from_db()
    assert row.last_used_at is not None


def test_a_token_without_scopes_is_not_limited(connect, issue):
    client = bearing(connect, issue()[1])

    assert client.call_tool("whoami").text.endswith("['anything']")
    assert client.call_tool("write").text == "written"


def test_a_token_that_was_revoked_opens_nothing_more(lane, issue):
    row, text = issue()
    client = MCPClient("/mcp", era="handshake", headers={"Authorization": f"Bearer {text}"}, **lane)
    client.initialize()
    row.revoke()

    for response in (client.post(wire.request("ping")), client.send("DELETE")):
        assert (response.status_code, response.json()) == (401, wire.error(-32600, "Invalid token"))
        assert response.headers["www-authenticate"] == 'Bearer error="invalid_token"'


@cases("value", ["Bearer mcp_wrong", "Bearer mcp_", "Bearer x", "Bearer", "Token mcp_x", "mcp_x", ""], undone=True)
def test_anything_else_is_refused(lane, issue, value):
    issue()

    response = MCPClient("/mcp", headers={"Authorization": value}, **lane).post(wire.modern_request("tools/list"))

    assert response.status_code == 401
    assert text_free(response.content)


def text_free(content):
    return b"mcp_" not in content


def test_sessions_are_each_tokens_own(lane, issue):
    first, second = issue()[1], issue()[1]
    owner = MCPClient("/mcp", era="handshake", headers={"Authorization": f"Bearer {first}"}, **lane)
    owner.initialize()
    owner._headers["authorization"] = f"Bearer {second}"

    assert owner.post(wire.request("ping")).status_code == 404
