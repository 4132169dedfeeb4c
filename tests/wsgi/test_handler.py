"""A request in the WSGI lane: it is answered as by the view, and leaves nothing behind in the server's thread."""

import json
import threading
from types import ModuleType
from wsgiref.validate import validator

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.wsgi import get_wsgi_application as get_djangos
from django.urls import clear_script_prefix, path, reverse, set_script_prefix
from django.utils import timezone, translation
from rest_framework.authentication import BaseAuthentication

from django_mcp import Context, MCPServer
from django_mcp.endpoint import django_http
from django_mcp.endpoint.thread_stream import ThreadRequestStream
from django_mcp.execution import threads
from django_mcp.protocol.replies import Reply
from django_mcp.testing import MCPClient
from django_mcp.urls import endpoint
from django_mcp.views import MCPView
from django_mcp.wsgi import get_wsgi_application
from tests import wire
from tests.execution.test_kept_loop import who

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.urls")]

server = MCPServer("handled")
go_on = threading.Event()


@server.tool
def surroundings() -> list[str | None]:
    """All that Django knows of the thread."""
    known = [translation.get_language(), timezone.get_current_timezone_name(), reverse("mcp"), who.get()]
    translation.activate("fr")
    timezone.activate("Asia/Tokyo")
    who.set("the tool")
    return known


@server.tool
def talk(ctx: Context) -> str:
    """Say something, and go on later."""
    ctx.info("begun")
    go_on.wait(10)
    return "ended"


@server.tool
def leave(ctx: Context) -> str:
    """End the thread."""
    raise SystemExit(3)


@server.tool
async def leave_async() -> str:
    """End the event loop."""
    raise SystemExit(3)


class Signed(BaseAuthentication):
    """Reads the body, as one does that checks a signature of it."""

    def authenticate(self, request):
        return (AnonymousUser(), None) if b"surroundings" in request._request.body else None


urlpatterns = [
    path("mcp", MCPView.as_view(server=server, public=True), name="mcp"),
    path("signed", endpoint(server, public=True, authentication_classes=[Signed])),
]
own_urls = pytest.mark.urls(__name__)


def send(path, headers, body, **environ):
    return wire.send_wsgi(path, "POST", headers, body, application=get_wsgi_application(), **environ)


# As by the view

OWN_OF_DJANGO = {"x-frame-options", "x-content-type-options", "referrer-policy", "cross-origin-opener-policy"}
PLAIN, GREET = {**wire.POST_HEADERS}, wire.modern_call("greet", name="Ada")
INITIALIZE = json.dumps(wire.initialize()).encode()
RENAME = wire.modern_call("rename_group", name="x")
APP = {"origin": "https://app.example.com"}
RECORDED = {
    "a call": ("POST", "/plain", *GREET),
    "a call of an async tool": ("POST", "/plain", *wire.modern_call("greet_async", name="Ada")),
    "a call that fails": ("POST", "/plain", *wire.modern_call("no_such_tool")),
    "a list": ("POST", "/plain", {**PLAIN, "mcp-protocol-version": "2026-07-28", "mcp-method": "tools/list"}, b"{}"),
    "a notification": ("POST", "/off", PLAIN, json.dumps(wire.notification()).encode()),
    "initialize without sessions": ("POST", "/off", PLAIN, INITIALIZE),
    "no session": ("POST", "/plain", PLAIN, json.dumps(wire.request("ping")).encode()),
    "no JSON": ("POST", "/plain", PLAIN, b"{"),
    "no body": ("POST", "/plain", PLAIN, b""),
    "another type": ("POST", "/plain", {**PLAIN, "content-type": "text/plain"}, b"{}"),
    "no credentials": ("POST", "/token", *GREET),
    "wrong credentials": ("POST", "/token", {**GREET[0], "authorization": "Token no"}, GREET[1]),
    "no credentials of OAuth": ("POST", "/secure/mcp", *GREET),
    "too few scopes": ("POST", "/secure/mcp", {**RENAME[0], "authorization": "Bearer c:groups:read"}, RENAME[1]),
    "forbidden": ("POST", "/forbidden", *GREET),
    "throttled": ("POST", "/throttled", *GREET),
    "a policy that breaks": ("POST", "/broken-permission", *GREET),
    "a method that nobody has": ("PUT", "/plain", PLAIN, b""),
    "a GET": ("GET", "/plain", {"accept": "text/event-stream"}, b""),
    "a GET without sessions": ("GET", "/off", {"accept": "text/event-stream"}, b""),
    "a DELETE of nothing": ("DELETE", "/plain", {"mcp-session-id": "no"}, b""),
    "a foreign origin": ("POST", "/plain", {**GREET[0], "origin": "https://evil.example.net"}, GREET[1]),
    "an allowed origin": ("POST", "/browsers", {**GREET[0], **APP}, GREET[1]),
    "a preflight": ("OPTIONS", "/browsers", {**APP, "access-control-request-method": "POST"}, b""),
    "OPTIONS": ("OPTIONS", "/plain", {}, b""),
    "a long header": ("POST", "/plain", {**GREET[0], "x-long": "x" * 100_000}, GREET[1]),
}


@pytest.mark.parametrize("name", RECORDED)
def test_a_recorded_request_is_answered_as_by_the_view(name, django_user_model):
    django_user_model.objects.create_user("ada")
    method, path_, headers, body = RECORDED[name]

    view, lane = (
        wire.send_wsgi(path_, method, headers, body, application=application)
        for application in (get_djangos(), get_wsgi_application())
    )

    assert (lane.status_code, lane.content) == (view.status_code, view.content)
    assert sorted(lane.headers.items()) == sorted(
        (key, value) for key, value in view.headers.items() if key not in OWN_OF_DJANGO
    )


def test_answers_keep_to_the_rules_of_wsgi():
    """By the standard library's own validator of PEP 3333, which wants each body to have a type, an empty one too."""
    lane = validator(get_wsgi_application())
    for method, path_, headers, body in RECORDED.values():
        if path_ != "/off":
            wire.send_wsgi(path_, method, headers, body, application=lane)


def test_a_head_has_no_body():
    response = wire.send_wsgi("/plain", "HEAD", {}, b"", application=get_wsgi_application())

    assert (response.status_code, response.content) == (405, b"")


# The thread of the server


@own_urls
def test_a_request_finds_nothing_of_another_in_its_thread_and_leaves_nothing(settings):
    """A middleware may have activated a language for an earlier request of Django's. The server's own values stay."""
    headers, body = wire.modern_call("surroundings")
    who.set("the server")
    with translation.override("de"), timezone.override("Asia/Tokyo"):
        response = send("/mcp", headers, body, SCRIPT_NAME="/app")
        found = translation.get_language(), timezone.get_current_timezone_name(), who.get()

    known = response.json()["result"]["structuredContent"]
    assert known == [settings.LANGUAGE_CODE, settings.TIME_ZONE, "/app/mcp", "the server"]
    assert found == ("de", "Asia/Tokyo", "the server")
    assert reverse("mcp") == "/mcp"


@own_urls
def test_a_request_without_a_prefix_finds_none_of_another():
    set_script_prefix("/other")
    try:
        known = send("/mcp", *wire.modern_call("surroundings")).json()["result"]["structuredContent"]
        assert (known[2], reverse("mcp")) == ("/mcp", "/other/mcp")
    finally:
        clear_script_prefix()


@own_urls
def test_an_authenticator_may_read_the_body():
    headers, body = wire.modern_call("surroundings")

    assert send("/signed", headers, body).json()["result"]["isError"] is False


@own_urls
@pytest.mark.parametrize("tool", ["leave", "leave_async"])
def test_a_tool_that_raises_system_exit_has_failed_and_the_next_call_is_answered(tool):
    failed = send("/mcp", *wire.modern_call(tool)).json()["result"]

    assert failed["content"][0]["text"].startswith(f"The tool {tool} failed unexpectedly.")
    assert send("/mcp", *wire.modern_call("leave_async")).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_the_connection_of_the_thread_is_looked_after_once_a_second(monkeypatch):
    looks, spent = [], []
    monkeypatch.setattr(threads, "close_old_connections", lambda: looks.append(1))
    monkeypatch.setattr("django_mcp.wsgi.handler.close_spent_connections", lambda: spent.append(1))
    monkeypatch.setattr(threads, "_thread", threading.local())

    for _ in range(3):
        send("/plain", *GREET)

    assert (len(looks), len(spent)) == (1, 3)
    MCPClient("/plain", lane="wsgi").list_tools()
    assert len(spent) == 3  # A test's connection is the test's.


# Streams


def begin(tool):
    """A stream, and its response: the caller reads as a server does."""
    headers, body = wire.modern_call(tool)
    message = json.loads(body)
    message["params"]["_meta"]["io.modelcontextprotocol/logLevel"] = "info"
    body = json.dumps(message).encode()
    started = []
    base = wire.RequestFactory().generic("POST", "/mcp", body, headers=headers).environ
    environ = {**base, "CONTENT_TYPE": "application/json", "CONTENT_LENGTH": str(len(body))}
    return get_wsgi_application()(environ, lambda *given: started.append(given)), started


@own_urls
def test_what_a_tool_says_is_sent_while_it_runs():
    go_on.clear()
    response, started = begin("talk")
    lines = iter(response)
    said = next(lines) + next(lines)
    go_on.set()

    assert started[0][0] == "200 OK"
    assert dict(started[0][1])["Content-Type"] == "text/event-stream"
    assert b"begun" in said
    assert b"ended" not in said
    assert b"ended" in b"".join(lines)
    response.close()


@own_urls
@pytest.mark.parametrize("read", [0, 1])
def test_a_modern_client_that_leaves_cancels_its_call(monkeypatch, read):
    """A server closes a response that it has not begun to read, too."""
    left = []
    monkeypatch.setattr(ThreadRequestStream, "_cancel", lambda stream: left.append(stream))
    go_on.clear()
    response, _ = begin("talk")
    lines = iter(response)
    for _ in range(read):
        next(lines)
    response.close()
    go_on.set()

    assert len(left) == 1


@own_urls
def test_a_stream_that_cannot_open_is_a_500(monkeypatch, caplog):
    def fail(transcript):
        raise RuntimeError("hunter2")

    monkeypatch.setattr("django_mcp.endpoint.request_stream.Transcript.open", fail)
    go_on.set()
    response, started = begin("talk")

    assert (started[0][0], b"".join(response)) == ("500 Internal Server Error", wire.INTERNAL_ERROR)
    assert "hunter2" in caplog.text


# Bodies


class Unread:
    """The body of a client that nobody should listen to."""

    def read(self, size=-1):
        raise AssertionError("was read")

    readline = read


class Dripping:
    """A body that comes in small pieces."""

    def __init__(self, body, piece):
        self.left = body
        self.piece = piece

    def read(self, size=-1):
        taken, self.left = self.left[: min(size, self.piece)], self.left[min(size, self.piece) :]
        return taken

    readline = read


def test_the_body_of_a_stranger_is_not_read():
    environ = {"CONTENT_LENGTH": str(4 * 1024 * 1024), "wsgi.input": Unread()}
    assert send("/token", *GREET, **environ).status_code == 401


@pytest.mark.parametrize("declared", ["5, 6", "-1", "+5", "9" * 5000])
def test_a_length_that_is_none_reads_nothing(declared):
    response = send("/plain", *GREET, CONTENT_LENGTH=declared, **{"wsgi.input": Unread()})

    assert response.status_code == (413 if declared.startswith("9") else 400)


def test_a_body_in_pieces_is_put_together(monkeypatch):
    monkeypatch.setattr(django_http, "PORTION_BYTES", 50)
    headers, body = GREET

    for environ in ({}, {"CONTENT_LENGTH": None, "wsgi.input_terminated": True}):
        response = send("/plain", headers, body, **{"wsgi.input": Dripping(body, 7), **environ})
        assert response.json()["result"]["content"][0]["text"] == "Hello, Ada"


@pytest.mark.parametrize("application", [get_djangos, get_wsgi_application])
def test_a_body_that_comes_too_slowly_is_408(monkeypatch, settings, application):
    settings.MCP_BODY_TIMEOUT_SECONDS = -1
    headers, body = GREET

    response = wire.send_wsgi(
        "/plain", "POST", headers, body, application=application(), **{"wsgi.input": Dripping(body, 7)}
    )

    assert response.status_code == 408
    assert "connection" not in response.headers  # A WSGI application may not send it (PEP 3333).


def test_a_gate_may_refuse_with_any_status(monkeypatch):
    monkeypatch.setattr("django_mcp.views.MCPView.refuse_unheard", lambda self, headers: Reply(444))

    assert send("/plain", *GREET).status_code == 444


def test_an_urlconf_of_no_endpoint_serves_none(settings):
    settings.ROOT_URLCONF = ModuleType("empty")
    settings.ROOT_URLCONF.urlpatterns = []

    assert send("/plain", *GREET).status_code == 404
