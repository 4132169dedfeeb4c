"""The ASGI lane as an application: what it serves itself, what it hands on, and how it reads a request."""

import json

import pytest
from asgiref.sync import async_to_sync

from django_mcp import asgi
from django_mcp.testing import MCPClient
from tests import wire
from tests.tables import cases

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.urls")]

HEADERS = [("host", "testserver"), *wire.POST_HEADERS.items()]
CALL = json.dumps(wire.modern_request("tools/call", {"name": "greet", "arguments": {"name": "Ada"}})).encode()
CALL_HEADERS = [
    *HEADERS,
    ("mcp-protocol-version", "2026-07-28"),
    ("mcp-method", "tools/call"),
    ("mcp-name", "greet"),
]


class Django:
    """Stands in for Django's own application, and keeps what it is handed."""

    def __init__(self) -> None:
        self.scopes: list[dict] = []

    async def __call__(self, scope, receive, send):
        self.scopes.append(scope)
        await send({"type": "http.response.start", "status": 299, "headers": []})
        await send({"type": "http.response.body", "body": b"Django"})


@pytest.fixture
def django():
    return Django()


def visit(path, django, *, method="POST", headers=CALL_HEADERS, body=CALL, posts="lane", **scope):
    application = asgi.mcp_application(django, posts=posts)
    return wire.send_asgi(path, method, headers, [body], application=application, **scope)[0]


# The paths that the lane serves


@cases(
    "path", ["/plain", "/plain/", "/view", "/api/v1/deep/mcp", "/api/v1/deep/mcp/", "/slashed/", "/tenants/acme/mcp"]
)
def test_the_endpoints_of_the_urlconf_are_served_wherever_they_are_mounted(django, path):
    response = visit(path, django)

    assert response.json()["result"]["content"][0]["text"] == "Hello, Ada"
    assert not django.scopes


@cases("path", ["/", "/page", "/plainer", "/plain/x", "/api/v1", "plain", "/plain//", "/PLAIN", ""])
def test_everything_else_is_djangos(django, path):
    django.scopes.clear()

    assert visit(path, django).status_code == 299
    assert [scope["path"] for scope in django.scopes] == [path]


def test_django_serves_its_own_pages_beside_the_lane():
    response, _taken = wire.send_asgi("/page", "GET", [("host", "testserver")], [b""])

    assert (response.status_code, response.content) == (200, b"A page")


@pytest.mark.parametrize("kind", ["websocket", "lifespan"])
def test_what_is_not_http_is_handed_on(django, kind):
    async_to_sync(asgi.mcp_application(django))({"type": kind, "path": "/plain"}, None, _ignore)

    assert [scope["type"] for scope in django.scopes] == [kind]


async def _ignore(message):
    pass


def test_a_decorated_endpoint_is_left_to_django_where_its_decorator_runs(django):
    """If the lane served a decorated view, the decorator's check, log or limit would not run."""
    assert visit("/decorated", django).status_code == 299
    assert MCPClient("/decorated", lane="asgi").call_tool("greet", {"name": "Ada"}).text == "Hello, Ada"
    assert MCPClient("/decorated", lane="asgi").send("DELETE").headers["x-stamp"] == "decorated"


def test_posts_can_be_left_to_the_view_and_its_middleware(django):
    assert visit("/plain", django, posts="view").status_code == 299
    assert visit("/plain", django, posts="view", method="DELETE").status_code == 299
    assert visit("/plain", django, posts="view", method="PUT").status_code == 299
    assert visit("/plain", django, posts="view", method="GET", headers=HEADERS).content == wire.MISSING_SESSION_ID


def test_the_urlconf_of_a_test_or_a_settings_override_is_followed(django, settings):
    settings.ROOT_URLCONF = "testproject.urls"

    assert visit("/plain", django).status_code == 299


# Under a prefix


@pytest.mark.parametrize("root_path", ["/app", "/app/"])
def test_a_root_path_is_no_part_of_the_urls(django, root_path):
    assert visit("/app/plain", django, root_path=root_path).status_code == 200


def test_a_root_path_that_the_server_has_taken_off_already_does_no_harm(django):
    assert visit("/plain", django, root_path="/app").status_code == 200


def test_a_path_that_only_begins_like_the_root_path_is_not_under_it(django):
    assert visit("/app/plain", django, root_path="/ap").status_code == 299


def test_the_script_name_of_the_settings_is_no_part_of_the_urls(django, settings):
    settings.FORCE_SCRIPT_NAME = "/app"

    assert visit("/app/plain", django).status_code == 200


def test_the_request_of_a_tool_knows_the_prefix(django):
    call = wire.modern_request("tools/call", {"name": "describe_caller"})
    headers = [*CALL_HEADERS[:-1], ("mcp-name", "describe_caller")]

    response = visit("/app/plain", django, headers=headers, body=json.dumps(call).encode(), root_path="/app")

    assert response.json()["result"]["structuredContent"]["path"] == "/app/plain"
