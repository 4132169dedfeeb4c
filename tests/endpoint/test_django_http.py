"""Django's requests as the view reads them."""

import json

import pytest

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
