"""Requests reach an application as a server would hand them on."""

import pytest
from django.core.signals import request_finished
from django.db import close_old_connections

from django_mcp.testing.carriers import Outgoing, send_asgi

POST = Outgoing("POST", "/mcp?a=%2F", {"content-type": "application/json"}, b"{}")


async def test_an_application_is_asked_as_by_a_server():
    scopes = []

    async def application(scope, receive, send):
        scopes.append(scope)
        assert await receive() == {"type": "http.request", "body": b"{}", "more_body": False}
        await send({"type": "http.response.start", "status": 202, "headers": [(b"X-A", b"b")]})
        await send({"type": "http.response.body", "body": b"12", "more_body": True})
        await send({"type": "http.response.body", "body": b"3"})

    response = await send_asgi(application, POST)

    assert (response.status_code, response.headers, response.content) == (202, {"x-a": "b"}, b"123")
    assert [scopes[0][key] for key in ("method", "path", "query_string")] == ["POST", "/mcp", b"a=%2F"]
    assert (b"content-length", b"2") in scopes[0]["headers"]


async def test_a_stream_that_stands_open_is_left_when_it_has_opened():
    async def application(scope, receive, send):
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b": hello", "more_body": True})
        assert await receive() == {"type": "http.disconnect"}

    assert (await send_asgi(application, Outgoing("GET", "/mcp", {}, b""))).content == b": hello"


async def test_the_connections_of_a_project_are_looked_after_again_when_a_request_has_failed():
    async def application(scope, receive, send):
        assert not looked_after()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await send_asgi(application, POST)

    assert looked_after()


def looked_after():
    return request_finished.disconnect(close_old_connections) and (
        request_finished.connect(close_old_connections) or True
    )
