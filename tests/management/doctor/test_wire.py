"""HTTP as mcp_doctor reads it."""

import pytest

from django_mcp.management.doctor.wire import Answer, Unreachable, Wire
from tests.tables import cases

JSON, STREAM = {"content-type": "application/json; charset=utf-8"}, {"content-type": "text/event-stream"}


@cases(
    ("headers", "body", "result", "error"),
    [
        (JSON, b'{"result":{"a":1}}', {"a": 1}, ""),
        (STREAM, b': ping\n\ndata: {"method":"x"}\n\ndata: {"result":{"a":2}}\n\n', {"a": 2}, ""),
        (JSON, b'{"error":{"code":-1,"message":"no"}}', {}, "no"),
        (JSON, b"[1]", {}, ""),
        ({"content-type": "text/html"}, b"<html>", {}, ""),
        ({}, b"", {}, ""),
    ],
)
def test_the_message_is_that_of_the_body_or_of_the_streams_last_event(headers, body, result, error):
    answer = Answer(200, headers, body, 0)

    assert (answer.result, answer.error) == (result, error)


def test_a_credential_goes_to_its_own_host_alone():
    wire = Wire("https://a.example/mcp", {"authorization": "Bearer x"})

    assert wire.at("/other").url == "https://a.example/other"
    assert wire.at("/other").headers == wire.headers
    assert wire.at("https://b.example/mcp").headers == {}


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/mcp", "http://127.0.0.1:99999/mcp", "http://127.0.0.1:1/\u00e9 x"])
def test_a_server_that_does_not_answer_is_unreachable(url):
    with pytest.raises(Unreachable):
        Wire(url, timeout_seconds=1).send("GET")


def test_a_url_that_no_request_can_have_is_none():
    with pytest.raises(Unreachable, match=r"^http://a b/mcp is no URL: "):
        Wire("http://a b/mcp").send("GET")


def test_a_location_that_is_no_url_leads_nowhere():
    with pytest.raises(Unreachable, match="is no URL"):
        Wire("https://a.example/mcp").at("http://[::1")
