"""Which hosts and origins reach an endpoint at all (spec 2025-11-25 basic/transports, security warning)."""

import json
import time

import pytest
from django.core.asgi import get_asgi_application

from django_mcp.endpoint import origins
from django_mcp.endpoint.origins import refuse_foreign
from django_mcp.testing import MCPClient
from tests import wire
from tests.tables import cases

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.urls"), pytest.mark.every_combination]

FOREIGN_HOST = wire.error(-32600, "Forbidden: Invalid Host header")
FOREIGN_ORIGIN = wire.error(-32600, "Forbidden: Invalid Origin header")
VERBS = ["POST", "GET", "DELETE", "PUT", "PATCH", "HEAD", "OPTIONS"]


def is_allowed(*, host="app.example.com", origin=None, allowed_origins=()):
    headers = {} if host is None else {"host": host}
    return refuse_foreign(headers if origin is None else {**headers, "origin": origin}, allowed_origins) is None


# Hosts


@cases(
    ("allowed", "host", "passes"),
    [
        (["app.example.com"], "app.example.com", True),
        (["app.example.com"], "APP.example.COM:8443", True),
        (["app.example.com"], "app.example.com.", True),
        (["app.example.com"], "evil.example.com", False),
        (["app.example.com"], "app.example.com.evil.net", False),
        (["app.example.com"], "app.example.com@evil.net", False),
        (["app.example.com"], "app.example.com evil.net", False),
        (["app.example.com"], "app.example.com,evil.net", False),
        (["app.example.com"], "", False),
        ([".example.com"], "deep.app.example.com", True),
        ([".example.com"], "example.com", True),
        ([".example.com"], "badexample.com", False),
        (["[::1]"], "[::1]:8000", True),
        (["127.0.0.1"], "127.0.0.1:8000", True),
        (["127.0.0.1"], "169.254.169.254", False),
        (["*"], "anything.at.all", True),
        (["*"], "not a host", False),
        ([], "localhost", False),
    ],
)
def test_a_host_is_ours_by_allowed_hosts(settings, allowed, host, passes):
    settings.ALLOWED_HOSTS = allowed

    assert is_allowed(host=host) is passes


def test_in_debug_a_project_without_allowed_hosts_answers_for_this_machine_alone(settings):
    settings.ALLOWED_HOSTS, settings.DEBUG = [], True

    hosts = ("localhost:8000", "x.localhost", "127.0.0.1", "[::1]", "app.example.com")
    assert [is_allowed(host=host) for host in hosts] == [True, True, True, True, False]


def test_a_request_without_a_host_passes(settings):
    """HTTP/1.0, and clients within the machine; no browser leaves it out."""
    settings.ALLOWED_HOSTS = ["app.example.com"]

    assert is_allowed(host=None)
    assert not is_allowed(host=None, origin="https://evil.example.net")


def test_the_host_is_the_proxys_word_where_the_project_takes_it(settings):
    settings.ALLOWED_HOSTS = ["app.example.com"]
    headers = {"host": "inner", "x-forwarded-host": "app.example.com"}

    assert refuse_foreign(headers, ()) is not None
    settings.USE_X_FORWARDED_HOST = True
    assert refuse_foreign(headers, ()) is None
    assert refuse_foreign({"host": "app.example.com"}, ()) is None


def test_a_foreign_host_is_logged_as_django_logs_it_and_a_stranger_fills_no_log(settings, caplog, monkeypatch):
    settings.ALLOWED_HOSTS = ["app.example.com"]
    monkeypatch.setattr(origins, "_told_at", [])

    for number in range(100):
        assert not is_allowed(host=f"{number}.evil.net:80" + "x" * 1000 * number)

    assert [record.name for record in caplog.records] == ["django.security.DisallowedHost"] * origins.TOLD_PER_MINUTE
    assert caplog.messages[0] == (
        "Invalid HTTP_HOST header: '0.evil.net:80'. You may need to add '0.evil.net' to ALLOWED_HOSTS."
    )
    assert max(map(len, caplog.messages)) < 300
    later = time.monotonic() + 61
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert not is_allowed(host="late.evil.net")
    assert "'late.evil.net'" in caplog.messages[-1]


# Origins


@cases(
    ("host", "origin", "passes"),
    [
        ("app.example.com", None, True),
        ("app.example.com", "https://app.example.com", True),
        ("app.example.com", "HTTPS://App.Example.COM", True),
        ("app.example.com:443", "https://app.example.com", True),
        ("app.example.com", "https://app.example.com:443", True),
        ("app.example.com:80", "http://app.example.com", True),
        ("app.example.com", "http://app.example.com:443", True),
        ("app.example.com", "https://api.example.com", True),
        ("app.example.com", "https://evil.example.net", False),
        ("app.example.com", "https://app.example.com.evil.net", False),
        ("app.example.com", "https://app.example.com@evil.net", False),
        ("app.example.com", "https://evil.net/https://app.example.com", False),
        ("app.example.com", "https://app.example.com/", False),
        ("app.example.com", "https://app.example.com/path", False),
        ("app.example.com", "ftp://app.example.com", False),
        ("app.example.com", "app.example.com", False),
        ("app.example.com", "//app.example.com", False),
        ("app.example.com", "null", False),
        ("app.example.com", "file://", False),
        ("app.example.com", "", False),
        ("app.example.com", "https://", False),
        ("app.example.com", "https://[", False),
        ("app.example.com", "https://app.example.com,https://evil.example.net", False),
        ("app.example.com", "chrome-extension://abcdefgh", False),
    ],
)
def test_an_origin_is_trusted_when_it_is_one_of_the_projects_own_hosts(settings, host, origin, passes):
    settings.ALLOWED_HOSTS = ["app.example.com", "api.example.com"]

    assert is_allowed(host=host, origin=origin) is passes


@cases("authority", ["app.example.com", "app.example.com:8443", "localhost.example.com", "10.evil"])
def test_allowed_hosts_of_everything_open_the_endpoint_to_no_origin(settings, authority):
    """The called host is no exception: the owner of a site can make its name lead to a visitor's machine."""
    settings.ALLOWED_HOSTS = ["*"]

    assert is_allowed(host=authority)
    for origin in (f"https://{authority}", "https://evil.example.net", "null"):
        assert not is_allowed(host=authority, origin=origin)
    assert is_allowed(host=authority, origin="https://a.example.net", allowed_origins=["https://a.example.net"])
    settings.ALLOWED_HOSTS = ["*", ".example.com", "10.evil"]
    assert is_allowed(host=authority, origin=f"https://{authority}")


@cases("authority", ["localhost:8000", "x.localhost", "127.0.0.1:8000", "[::1]:8000", "192.0.2.7"])
def test_a_page_of_this_machine_or_of_an_address_may_call_where_it_came_from(settings, authority):
    """No name of somebody else's leads there."""
    settings.ALLOWED_HOSTS = ["*"]

    assert is_allowed(host=authority, origin=f"http://{authority}")
    assert not is_allowed(host=authority, origin=f"http://{authority.partition(':8')[0]}:9999")
    assert not is_allowed(host="app.example.com", origin=f"http://{authority}")


def test_an_origin_can_be_allowed_by_name(settings):
    settings.ALLOWED_HOSTS = ["app.example.com"]
    allowed = ["https://pages.example.net", "null", "chrome-extension://abcdefgh"]

    assert all(is_allowed(origin=origin, allowed_origins=allowed) for origin in allowed)
    for origin in ("http://pages.example.net", "https://pages.example.net:8443", "https://x.pages.example.net"):
        assert not is_allowed(origin=origin, allowed_origins=allowed)


# At an endpoint


@cases("path", ["/plain", "/token", "/broken-authentication", "/off", "/modern"])
@cases("verb", VERBS)
def test_a_foreign_origin_is_403_before_anything_else_is_looked_at(lane, path, verb):
    """The origin is checked before the verb, caller, body and session, so a foreign page learns nothing of them."""
    client = MCPClient(path, era="handshake", headers={"origin": "https://evil.example.net"}, **lane)
    client.session_id = "A" * 43

    response = client.send(verb, b"{" if verb == "POST" else b"", {"content-type": "text/plain"})

    assert response.status_code == 403
    assert response.headers["content-type"] == "application/json"
    assert verb == "HEAD" or json.loads(response.content) == FOREIGN_ORIGIN
    assert "www-authenticate" not in response.headers


@cases("verb", VERBS)
def test_a_foreign_host_is_403_unless_djangos_middleware_is_first(lane, verb):
    """Django's CommonMiddleware asks for the host of every request, and answers a foreign one with its own 400."""
    client = MCPClient("/plain", era="handshake", headers={"host": "evil.example.net"}, **lane)

    in_a_lane = "application" not in lane and lane["lane"] != "view"
    assert client.send(verb).status_code == (403 if in_a_lane else 400)


@cases("verb", VERBS)
def test_a_foreign_host_is_403_in_the_view_where_no_middleware_asks_for_it(verb, settings):
    settings.MIDDLEWARE = []
    for lane in ({"lane": "view"}, {"lane": "asgi", "application": get_asgi_application()}):
        response = MCPClient("/plain", headers={"host": "evil.example.net"}, **lane).send(verb)

        assert response.status_code == 403
        assert verb == "HEAD" or json.loads(response.content) == FOREIGN_HOST


@cases("origin", ["http://testserver", "https://testserver", "http://localhost:3000"])
def test_a_page_of_the_projects_own_hosts_may_call(connect, origin):
    assert connect("/plain", headers={"origin": origin}).call_tool("greet", {"name": "Ada"}).text == "Hello, Ada"


def test_allowed_origins_are_the_endpoints_own_or_else_the_projects(connect, settings):
    settings.MCP_ALLOWED_ORIGINS = ["https://pages.example.net"]

    def status(path, origin):
        return connect(path, headers={"origin": origin}).notify("notifications/cancelled", {"requestId": 1}).status_code

    assert status("/off", "https://pages.example.net") == 202
    assert status("/off", "https://app.example.com") == 403
    assert status("/browsers", "https://app.example.com") in (202, 400)
    assert status("/browsers", "https://pages.example.net") == 403
