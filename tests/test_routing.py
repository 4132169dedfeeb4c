"""The ASGI lane as an application: what it serves itself, what it hands on, and how it reads a request."""

import asyncio
import json
from threading import Barrier

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import Group
from django.core.asgi import get_asgi_application
from django.db import connections

from django_mcp import routing, runner
from django_mcp.models import Session
from django_mcp.testing import MCPClient
from tests import wire

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.urls")]

HEADERS = [("host", "testserver"), *wire.POST_HEADERS.items()]
PING = json.dumps(wire.request("ping")).encode()
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
    application = routing.mcp_application(django, posts=posts)
    return wire.send_asgi(path, method, headers, [body], application=application, **scope)[0]


# What it serves


@pytest.mark.parametrize(
    "path", ["/plain", "/plain/", "/view", "/api/v1/deep/mcp", "/api/v1/deep/mcp/", "/slashed/", "/tenants/acme/mcp"]
)
def test_the_endpoints_of_the_urlconf_are_served_wherever_they_are_mounted(django, path):
    response = visit(path, django)

    assert response.json()["result"]["content"][0]["text"] == "Hello, Ada"
    assert not django.scopes


@pytest.mark.parametrize("path", ["/", "/page", "/plainer", "/plain/x", "/api/v1", "plain", "/plain//", "/PLAIN", ""])
def test_everything_else_is_djangos(django, path):
    assert visit(path, django).status_code == 299
    assert [scope["path"] for scope in django.scopes] == [path]


def test_django_serves_its_own_pages_beside_the_lane():
    response, _taken = wire.send_asgi("/page", "GET", [("host", "testserver")], [b""])

    assert (response.status_code, response.content) == (200, b"A page")


@pytest.mark.parametrize("kind", ["websocket", "lifespan"])
def test_what_is_not_http_is_handed_on(django, kind):
    async_to_sync(routing.mcp_application(django))({"type": kind, "path": "/plain"}, None, _ignore)

    assert [scope["type"] for scope in django.scopes] == [kind]


async def _ignore(message):
    pass


def test_a_decorated_endpoint_is_left_to_django_where_its_decorator_runs(django):
    """Served here, it would lose what the decorator is there for: a check, a log, a limit."""
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


# How it reads a request


def test_a_header_sent_twice_is_one_of_two_values(django):
    response = visit("/plain", django, headers=[*CALL_HEADERS, ("mcp-name", "greet")])

    assert (response.status_code, response.json()["error"]["code"]) == (400, -32020)


def test_a_header_sent_in_two_parts_is_whole(django):
    headers = [header for header in CALL_HEADERS if header[0] != "accept"]

    response = visit(
        "/plain", django, headers=[*headers, ("accept", "application/json"), ("accept", "text/event-stream")]
    )

    assert response.status_code == 200


def test_a_header_with_underscores_is_not_the_one_with_hyphens(django):
    """WSGI servers drop such a header, lest it pass for one that a proxy has set."""
    headers = [*HEADERS, ("mcp_session_id", "A" * 43)]

    assert visit("/plain", django, headers=headers, body=PING).content == wire.MISSING_SESSION_ID


def test_an_answer_says_its_length_and_its_type_and_is_lower_case(django):
    application = routing.mcp_application(django)
    sent = []

    async def receive():
        return {"type": "http.request", "body": CALL}

    async def send(message):
        sent.append(message)

    headers = [(name.encode(), value.encode()) for name, value in CALL_HEADERS]
    scope = {"type": "http", "method": "POST", "path": "/plain", "headers": headers}
    async_to_sync(application)(scope, receive, send)

    start, body = sent
    assert dict(start["headers"]) == {
        b"content-length": str(len(body["body"])).encode(),
        b"content-type": b"application/json",
    }


def test_an_answer_without_a_body_has_no_type(django):
    notification = json.dumps(wire.notification()).encode()

    response = visit("/off", django, headers=HEADERS, body=notification)

    assert (response.status_code, response.content) == (202, b"")
    assert response.headers == {"content-length": "0"}


# On an event loop of its own, as under a server, where nobody waits in a thread


@pytest.fixture
def own_threads():
    """Closes what the lane's threads keep open, or the test database could not be dropped."""
    yield
    pool = runner._pool()
    together = Barrier(pool._max_workers)

    def close() -> None:
        together.wait(timeout=10)  # One for each thread: none comes for a second while another waits.
        connections.close_all()

    for closed in [pool.submit(close) for _ in range(pool._max_workers)]:
        closed.result(timeout=10)


def serve(talk):
    """What comes of a conversation with the lane, on an event loop that no thread waits for."""
    application = routing.mcp_application(get_asgi_application())

    async def ask(message, session_id=""):
        headers = [*HEADERS, ("mcp-session-id", session_id)] if session_id else HEADERS
        body = json.dumps(message).encode()
        response, _taken = await wire.over_asgi(application, "/plain", "POST", headers, [body])
        return response

    return asyncio.run(talk(ask))


def call(tool, **arguments):
    return wire.request("tools/call", {"name": tool, "arguments": arguments})


def text_of(response):
    return response.json()["result"]["content"][0]["text"]


@pytest.mark.django_db(transaction=True)
def test_a_session_works_where_the_threads_are_the_lanes_own(own_threads):
    async def talk(ask):
        session_id = (await ask(wire.initialize())).headers["mcp-session-id"]
        calls = [
            call("count"),
            call("count_async"),
            call("save_group", name="a"),
            call("save_group_async", name="b"),
            call("save_group_and_fail", name="c"),
            call("save_group_and_fail_async", name="d"),
            call("find_groups", name="b"),
        ]
        return [text_of(await ask(message, session_id)) for message in calls]

    texts = serve(talk)

    assert texts[:4] == ["1", "2", "a", "b"]
    assert [text.startswith("The tool save_group_and_fail") for text in texts[4:6]] == [True, True]
    assert texts[6] == '["b"]'
    assert sorted(Group.objects.values_list("name", flat=True)) == ["a", "b"]
    assert Session.objects.get().state == {"count": 2}


@pytest.mark.django_db(transaction=True)
def test_requests_at_the_same_time_are_answered_each_with_its_own(own_threads):
    async def talk(ask):
        session_id = (await ask(wire.initialize())).headers["mcp-session-id"]
        messages = [call(f"greet{colour}", name=str(number)) for number in range(10) for colour in ("", "_async")]
        return await asyncio.gather(*(ask(message, session_id) for message in messages))

    texts = [text_of(response) for response in serve(talk)]

    assert texts == [f"Hello, {number}" for number in range(10) for _ in range(2)]
