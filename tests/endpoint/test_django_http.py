"""Django's requests as the view reads them."""

import json

import pytest

from django_mcp.endpoint import django_http
from tests import wire

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.urls")]


@pytest.mark.parametrize("limit", [None, 40])
def test_a_body_in_chunks_is_read_to_its_end_where_the_server_says_it(settings, limit):
    body = json.dumps(wire.modern_request("tools/call", {"name": "greet", "arguments": {"name": "Ada"}})).encode()
    settings.MCP_MAX_BODY_BYTES = limit or len(body)
    headers = {
        **wire.POST_HEADERS,
        "mcp-protocol-version": "2026-07-28",
        "mcp-method": "tools/call",
        "mcp-name": "greet",
        "transfer-encoding": "chunked",
    }

    response = wire.send_wsgi("/plain", "POST", headers, body, CONTENT_LENGTH=None, **{"wsgi.input_terminated": "1"})

    assert response.status_code == (413 if limit else 200)
    assert limit or b"Hello, Ada" in response.content


def test_headers_that_clients_invent_are_read_and_do_not_fill_the_memory(monkeypatch):
    names = django_http._Names()
    monkeypatch.setattr(django_http, "_names", names)
    monkeypatch.setattr(django_http, "MAX_NAMES", 3)
    meta = {f"HTTP_X_{number}": str(number) for number in range(5)}

    for _ in range(2):
        assert django_http.headers_of(meta) == {f"x-{number}": str(number) for number in range(5)}
    assert len(names) <= 3
