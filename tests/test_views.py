"""The view inside a project: its middleware, its settings and its subclasses. journeys/ has what all lanes share."""

import asyncio
import gzip
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.asgi import get_asgi_application
from django.db import connection, connections
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path
from django.utils.translation import get_language, override
from rest_framework.authentication import TokenAuthentication
from rest_framework.permissions import BasePermission

from django_mcp import Context, MCPServer, default_server
from django_mcp.asgi import mcp_application
from django_mcp.models import Session
from django_mcp.testing import MCPClient
from django_mcp.urls import endpoint
from django_mcp.views import MCPView
from tests import policies, wire
from tests.servers import plain
from tests.tables import cases

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.urls")]

VERBS = ["PUT", "PATCH", "HEAD", "OPTIONS", "TRACE", "PROPFIND"]


def body_reader(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware that has read the body before the view does."""

    def middleware(request: HttpRequest) -> HttpResponse:
        assert request.body
        return get_response(request)

    return middleware


@pytest.fixture(params=["WSGI", "ASGI"])
def view(request):
    """The view's two lanes, made when a test has settled its settings."""

    def view():
        if request.param == "WSGI":
            return {"lane": "view"}
        return {"lane": "asgi", "application": get_asgi_application()}

    return view


# Methods


@pytest.mark.parametrize("path", ["/plain", "/token", "/off", "/broken-authentication"])
@cases("verb", VERBS)
def test_a_method_that_mcp_has_not_is_405_whoever_asks(lane, path, verb):
    response = MCPClient(path, **lane).send(verb, headers={"content-type": "application/json"})

    assert response.status_code == 405
    assert verb == "HEAD" or response.content == wire.METHOD_NOT_ALLOWED
    assert {"POST", "DELETE"} <= set(response.headers["allow"].split(", "))


# A project's middleware


def test_the_login_required_middleware_redirects_no_client(view, settings):
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "django.contrib.auth.middleware.LoginRequiredMiddleware"]

    assert MCPClient("/plain", **view()).call_tool("greet", {"name": "Ada"}).text == "Hello, Ada"
    assert MCPClient("/closed", **view()).send("DELETE").status_code == 401
    assert MCPClient("/page", **view()).send("GET").status_code == 302


def test_the_csrf_middleware_asks_no_client_for_a_token():
    client = Client(enforce_csrf_checks=True)

    response = client.post(
        "/plain", wire.initialize(), content_type="application/json", headers={"accept": wire.POST_HEADERS["accept"]}
    )

    assert response.status_code == 200


def test_an_answer_may_be_compressed_by_the_gzip_middleware(view, settings):
    settings.MIDDLEWARE = ["django.middleware.gzip.GZipMiddleware", *settings.MIDDLEWARE]
    client = MCPClient("/plain", headers={"accept-encoding": "gzip"}, **view())

    response = client.post(wire.modern_request("tools/list"))

    assert response.headers["content-encoding"] == "gzip"
    assert json.loads(gzip.decompress(response.content))["result"]["tools"]
    assert client.notify("notifications/cancelled", {"requestId": 1}).content == b""


def test_middleware_may_have_read_the_body(view, settings):
    settings.MIDDLEWARE = ["tests.test_views.body_reader"]

    assert MCPClient("/plain", **view()).call_tool("greet", {"name": "Ada"}).text == "Hello, Ada"
    settings.MCP_MAX_BODY_BYTES = 10
    assert MCPClient("/plain", **view()).post(wire.modern_request("tools/list")).status_code == 413


def test_the_middleware_of_the_project_runs_around_the_view(view):
    assert MCPClient("/plain", **view()).post(b"{").headers["x-frame-options"] == "DENY"


# A project's settings


def test_djangos_own_limit_for_uploads_does_not_apply(view, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10

    name = "x" * 3_000_000
    assert MCPClient("/plain", **view()).call_tool("greet", {"name": name}).text == f"Hello, {name}"


@pytest.mark.parametrize("colour", ["", "_async"])
def test_requests_may_be_atomic(view, monkeypatch, colour):
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    client = MCPClient("/plain", era="handshake", **view())

    assert client.call_tool(f"save_group{colour}", {"name": "kept"}).text == "kept"
    assert client.call_tool(f"save_group_and_fail{colour}", {"name": "lost"}).is_error
    assert client.call_tool(f"save_group{colour}", {"name": "kept"}).is_error
    assert client.call_tool(f"count{colour}").text == "1"

    assert list(Group.objects.values_list("name", flat=True)) == ["kept"]
    assert Session.objects.get().state == {"count": 1}


@pytest.mark.django_db(transaction=True)
def test_a_tool_in_a_thread_of_its_own_waits_for_no_lock_of_an_atomic_request(monkeypatch, settings):
    """A tool that takes a context runs beside the view, and writes to the session that the view has touched."""
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    settings.MCP_SESSION_TOUCH_SECONDS = 0
    settings.MCP_KEEPALIVE_SECONDS = 2
    client = MCPClient("/plain", era="handshake")
    client.initialize()
    headers = {**wire.POST_HEADERS, "mcp-session-id": client.session_id}
    body = json.dumps(wire.request("tools/call", {"name": "count"})).encode()

    response = wire.send_wsgi("/plain", "POST", headers, body)

    assert response.headers["content-type"] == "application/json"  # A stream would say that it had to wait.
    assert response.json()["result"]["content"] == [{"type": "text", "text": "1"}]


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize("path", ["/broken-permission", "/broken-server"])
def test_a_fault_of_the_server_is_json_with_debug_and_without(lane, settings, path, debug):
    settings.DEBUG, settings.ROOT_URLCONF = debug, "tests.test_views"

    response = MCPClient(path, **lane).post(wire.modern_request("tools/list"))

    assert (response.status_code, response.content) == (500, wire.INTERNAL_ERROR)
    assert response.headers["content-type"] == "application/json"


def test_an_endpoint_without_policies_of_its_own_has_the_projects(lane, settings, django_user_model):
    ada = django_user_model.objects.create_user("ada")

    def status(path="/closed", user=ada):
        return MCPClient(path, user=user, **lane).post(wire.modern_request("tools/list")).status_code

    assert status() == 200
    settings.REST_FRAMEWORK = {"DEFAULT_PERMISSION_CLASSES": ["tests.policies.NobodyMay"]}
    assert status() == 403
    assert status("/plain") == 200  # A public endpoint has none.
    settings.REST_FRAMEWORK = {"DEFAULT_THROTTLE_CLASSES": ["tests.policies.NoMore"]}
    assert status("/plain") == 429  # Throttles are for everybody.
    settings.REST_FRAMEWORK = {"DEFAULT_AUTHENTICATION_CLASSES": ["tests.policies.BrokenAuthentication"]}
    assert status(user=None) == 500
    assert status("/plain", user=None) == 200


@pytest.mark.parametrize("name", ["DjangoModelPermissions", "DjangoModelPermissionsOrAnonReadOnly"])
def test_a_default_for_model_views_has_no_model_to_ask_about_here(lane, settings, django_user_model, name):
    """DRF's tutorial sets it for the whole project, and it fails without a queryset."""
    settings.REST_FRAMEWORK = {"DEFAULT_PERMISSION_CLASSES": [f"rest_framework.permissions.{name}"]}
    ada = django_user_model.objects.create_user("ada")

    def status(user):
        return MCPClient("/closed", user=user, **lane).post(wire.modern_request("tools/list")).status_code

    assert (status(ada), status(None)) == (200, 401)


# Subclasses and arguments


class TenantView(MCPView):
    """A server for each tenant, and a rule of its own."""

    public = True

    def get_server(self) -> MCPServer:
        return plain if self.kwargs["tenant"] == "acme" else default_server

    def get_permissions(self) -> list[Any]:
        return [Named()]


class Named(BasePermission):
    def has_permission(self, request: Any, view: Any) -> bool:
        return request.headers.get("X-Tenant") == view.kwargs["tenant"]


class BrokenServerView(MCPView):
    public = True

    def get_server(self) -> MCPServer:
        raise LookupError("which?")


slow = MCPServer("slow")
began = threading.Event()
ended: list[str] = []


@slow.tool
async def sleep() -> None:
    """Sleep for long, without a context to look into."""
    began.set()
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        ended.append("cancelled")
        raise


spoken = MCPServer("spoken")


@spoken.tool
def language() -> str | None:
    """The language that is active."""
    return get_language()


@spoken.tool
def language_in_its_thread(ctx: Context) -> str | None:
    """The same, where a function has a thread of its own."""
    return get_language()


@spoken.tool
async def language_on_a_loop() -> str | None:
    """The same, in a coroutine."""
    return get_language()


urlpatterns = [
    path("slow", endpoint(slow, public=True)),
    path("spoken", endpoint(spoken, public=True)),
    path("<slug:tenant>/mcp", TenantView.as_view()),
    path("<slug:tenant>/endpoint", endpoint(plain, view_class=TenantView)),
    path("broken-permission", endpoint(plain, public=True, permission_classes=[policies.BrokenPermission])),
    path("broken-server", BrokenServerView.as_view()),
]


@pytest.mark.urls("tests.test_views")
def test_a_subclass_chooses_its_server_and_its_policies_in_every_lane(connect):
    for path_ in ("/acme/mcp", "/acme/endpoint"):
        client = connect(path_, headers={"x-tenant": "acme"})
        assert client.call_tool("greet", {"name": "Ada"}).text == "Hello, Ada"
        assert connect(path_, headers={"x-tenant": "other"}).send("DELETE").status_code == 403
    assert "greet" not in [tool["name"] for tool in connect("/lib/mcp", headers={"x-tenant": "lib"}).list_tools()]


@pytest.mark.urls("tests.test_views")
@pytest.mark.parametrize("tool", ["language", "language_in_its_thread", "language_on_a_loop"])
def test_the_language_of_a_middleware_is_that_of_each_function(settings, tool):
    settings.MIDDLEWARE = ["django.middleware.locale.LocaleMiddleware"]
    headers = {"accept-language": "de", "mcp-protocol-version": "2026-07-28"}
    headers |= {**wire.POST_HEADERS, "mcp-method": "tools/call", "mcp-name": tool}
    body = json.dumps(wire.modern_request("tools/call", {"name": tool})).encode()

    with override("en-us"):  # The middleware leaves its language behind in the thread.
        response = wire.send_wsgi("/spoken", "POST", headers, body)

    assert response.json()["result"]["content"] == [{"type": "text", "text": "de"}]


@pytest.mark.django_db(transaction=True)
@pytest.mark.urls("tests.test_views")
def test_an_async_tool_without_a_context_is_cancelled_under_wsgi(settings):
    settings.MCP_POLL_SECONDS = 0.01
    began.clear()
    ended.clear()
    client = MCPClient("/slow", era="handshake")
    client.initialize()
    headers = {**wire.POST_HEADERS, "mcp-session-id": client.session_id}

    def post(message):
        return wire.send_wsgi("/slow", "POST", headers, json.dumps(message).encode())

    def call():
        try:
            return post(wire.request("tools/call", {"name": "sleep"}, 7))
        finally:
            connections.close_all()

    with ThreadPoolExecutor() as beside:
        calling = beside.submit(call)
        assert began.wait(10)
        cancelled = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 7}}
        assert post(cancelled).status_code == 202
        response = calling.result(10)

    assert ended == ["cancelled"]
    assert b'"code":-32800' in response.content


@cases(
    ("arguments", "is_open"),
    [
        ({}, False),
        ({"public": True}, True),
        ({"public": True, "authentication_classes": [TokenAuthentication]}, False),
        ({"public": True, "permission_classes": [Named]}, False),
        ({"public": True, "throttle_classes": [policies.NoMore]}, False),
        ({"authentication_classes": [], "permission_classes": []}, True),
    ],
)
def test_an_endpoint_is_open_when_it_asks_nobody_anything(arguments, is_open):
    assert MCPView(server=plain, **arguments).is_open() is is_open


def test_the_lane_and_the_view_answer_alike(django_user_model):
    """One message of each kind through both; the bytes are the same."""
    ada = django_user_model.objects.create_user("ada")
    lanes = [
        {"lane": "view"},
        {"lane": "asgi", "application": get_asgi_application()},
        {"lane": "asgi", "application": mcp_application(get_asgi_application())},
    ]
    for path_ in ("/plain", "/optional", "/off", "/modern", "/handshake", "/closed", "/token", "/forbidden", "/mcp"):
        for user in (None, ada):
            for body in (b"", b"[]", json.dumps(wire.initialize()).encode(), json.dumps(wire.notification()).encode()):
                for verb in ("POST", "GET", "DELETE", "PUT"):
                    answers = [
                        MCPClient(path_, user=user, **lane).send(verb, body, wire.POST_HEADERS) for lane in lanes
                    ]
                    # Only the ASGI lane offers streams.
                    bodies = {answer.content for answer in answers if answer.status_code != 200}
                    assert len(bodies) < 2
                    assert len({answer.status_code for answer in answers}) == 1
                    compared = ("content-type", "allow", "www-authenticate", "retry-after")
                    assert len({tuple(answer.headers.get(name) for name in compared) for answer in answers}) == 1
