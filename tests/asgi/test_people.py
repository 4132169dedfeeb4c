"""People's requests in the lane: Django answers them, with the project's middleware."""

import asyncio
import json

import pytest
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.core.asgi import get_asgi_application

from django_mcp.asgi import mcp_application
from django_mcp.asgi.listen import listeners
from django_mcp.execution.threads import hop
from django_mcp.protocol import sse
from tests import wire
from tests.asgi.connections import Connection, on_a_loop
from tests.people import Browser, SecondFactor, Stamp, under

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("tests.urls")]


@pytest.fixture
def browser(settings):
    settings.DEBUG = True
    return Browser("lane")


@pytest.fixture
def staff(django_user_model):
    return django_user_model.objects.create_user("staff", is_staff=True)


def test_the_page_and_its_calls_go_through_the_projects_middleware(browser, settings):
    under(settings, Stamp)

    opened, called = browser.open(), browser.call()

    assert [one.headers.get("x-stamp") for one in (opened, called)] == ["seen", "seen"]


def test_a_page_that_middleware_refuses_is_refused_as_by_the_lane(browser, settings):
    settings.MCP_PAGE = False
    before = browser.open()
    settings.MCP_PAGE = "debug"
    under(settings, SecondFactor)

    refused = browser.open()

    assert (refused.status_code, refused.headers, refused.content) == (400, before.headers, before.content)
    assert browser.call().status_code == 302


def test_what_a_call_says_on_its_way_arrives_before_its_result(browser):
    browser.open("/watched")

    response = browser.call("/watched", "greet", {"name": "Ada"})

    said = [line for line in response.content.decode().split("\n") if line.startswith("data:")]
    assert response.headers["content-type"] == dict(sse.HEADERS)["Content-Type"]
    assert ("on the way" in said[0], "resultType" in said[-1]) == (True, True)


LISTENS = {"mcp-method": "subscriptions/listen", "mcp-protocol-version": "2026-07-28"}


def page_headers(browser, path, **headers):
    """The headers of a page that somebody has opened."""
    browser.open(path)
    cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    own = {"x-mcp-page": "1", "x-csrftoken": browser.cookies["csrftoken"], "origin": "http://testserver"}
    return {"host": "testserver", "cookie": cookie, **own, **headers}


def listening(browser, path="/token", **headers):
    """A `subscriptions/listen` of the page: its connection, not begun yet."""
    message = wire.modern_request("subscriptions/listen", {"notifications": {"toolsListChanged": True}})
    sent = page_headers(browser, path, **wire.POST_HEADERS, **LISTENS, **headers)
    scope = wire.scope(path, "POST", [(name, value) for name, value in sent.items() if value])
    return lambda: Connection(
        application=mcp_application(get_asgi_application()), scope=scope, body=json.dumps(message).encode()
    )


def test_a_stream_of_the_page_is_of_the_person_who_looks(browser, staff):
    """At an endpoint that takes tokens alone."""
    connect = listening(browser.sign_in(staff))

    async def talk():
        connection = connect()
        await connection.has(b"acknowledged")
        [listener] = listeners()
        account = listener.account
        await connection.hangs_up()
        return account

    assert on_a_loop(talk) == f"user:{staff.pk}"


@pytest.mark.parametrize("end", ["signs out", "loses the right", "is another user"])
def test_a_stream_of_the_page_ends_with_the_session_and_with_the_right_to_see_the_page(
    browser, staff, django_user_model, settings, end
):
    settings.DEBUG = False
    settings.MCP_KEEPALIVE_SECONDS = 0.1
    connect = listening(browser.sign_in(staff))

    def happen():
        if end == "signs out":
            Session.objects.all().delete()
        elif end == "loses the right":
            django_user_model.objects.update(is_staff=False)
        else:
            other = django_user_model.objects.create_user("other", is_staff=True)
            store = SessionStore(browser.cookies["sessionid"])
            store[SESSION_KEY], store[HASH_SESSION_KEY] = str(other.pk), other.get_session_auth_hash()
            store.save()

    async def talk():
        connection = connect()
        await connection.has(b"acknowledged")
        await hop(happen)
        return await connection.ends()

    assert b"acknowledged" in on_a_loop(talk)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"x-csrftoken": ""}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"cookie": ""}, 403),
        ({"x-mcp-page": ""}, 401),
    ],
)
def test_a_stream_is_opened_for_nobody_who_is_not_at_the_page(browser, staff, headers, status):
    connect = listening(browser.sign_in(staff), **headers)

    async def talk():
        connection = connect()
        await connection.ends()
        return connection.sent[0]["status"]

    assert on_a_loop(talk) == status


def test_a_stream_that_middleware_refuses_is_refused(browser, staff, settings):
    connect = listening(browser.sign_in(staff))
    under(settings, SecondFactor)

    async def talk():
        connection = connect()
        await connection.ends()
        return connection.sent[0]["status"]

    assert on_a_loop(talk) == 302


def test_a_session_of_the_page_has_its_stream_and_is_closed_by_the_page(browser, staff):
    browser.sign_in(staff)
    headers = page_headers(browser, "/token", **wire.POST_HEADERS)

    def send(method, message=None, **more):
        sent = {**headers, **more}.items()
        response, _ = wire.send_asgi("/token", method, sent, [json.dumps(message).encode() if message else b""])
        return response

    opened = send("POST", wire.initialize())
    session = {"mcp-session-id": opened.headers["mcp-session-id"], "mcp-protocol-version": "2025-11-25"}
    assert opened.json()["result"]["capabilities"]["resources"] == {"listChanged": True, "subscribe": True}

    async def talk():
        sent = {**headers, **session, "accept": "text/event-stream"}.items()
        connection = Connection(
            application=mcp_application(get_asgi_application()), scope=wire.scope("/token", "GET", sent)
        )
        async with asyncio.timeout(10):
            while not connection.sent:
                await asyncio.sleep(0.001)
        await connection.hangs_up()
        return connection.sent[0]["status"]

    assert on_a_loop(talk) == 200
    assert [send("DELETE", **session).status_code for _ in range(2)] == [200, 404]
