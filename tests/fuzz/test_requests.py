"""Requests that nobody would write, at an endpoint of each lane: none is a 500, a page, a hang or a row left behind.

`FUZZ_EXAMPLES=100000 pytest tests/fuzz` looks for longer than the tests do.
"""

import json
import os

import pytest
from django.core.asgi import get_asgi_application
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from django_mcp.models import Session
from django_mcp.testing import MCPClient
from tests import wire

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.urls")]

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES") or 200)
LANES = {
    "view": {"lane": "view"},
    "view under ASGI": {"lane": "asgi", "application": get_asgi_application()},
    "lane": {"lane": "asgi"},
    "WSGI lane": {"lane": "wsgi"},
}

METHODS = [
    "initialize",
    "ping",
    "server/discover",
    "tools/list",
    "tools/call",
    "resources/list",
    "resources/read",
    "resources/templates/list",
    "resources/subscribe",
    "prompts/list",
    "prompts/get",
    "completion/complete",
    "logging/setLevel",
    "notifications/initialized",
    "notifications/cancelled",
    "nonsense",
    "",
]
NAMES = [
    "greet",
    "count",
    "order",
    "find_groups",
    "save_group_and_fail",
    "compose",
    "note://motto",
    "group://x",
    "nothing",
]
VERSIONS = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28", "1900-01-01", ""]

texts = st.text(max_size=20) | st.sampled_from(["\x00", "\ud800", "é" * 300, "../..", "{{7*7}}", "' OR 1=1 --", *NAMES])
scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4), max_leaves=12
)
metas = st.fixed_dictionaries(
    {},
    optional={
        "io.modelcontextprotocol/protocolVersion": st.sampled_from(VERSIONS) | values,
        "io.modelcontextprotocol/clientInfo": st.just({"name": "x", "version": "1"}) | values,
        "io.modelcontextprotocol/clientCapabilities": st.just({}) | values,
        "progressToken": values,
        "io.modelcontextprotocol/logLevel": values,
    },
)
params = values | st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(NAMES) | values,
        "uri": st.sampled_from(NAMES) | values,
        "arguments": st.dictionaries(st.sampled_from(["name", "dish", "topic"]) | texts, values, max_size=3) | values,
        "_meta": metas | values,
        "cursor": values,
        "protocolVersion": st.sampled_from(VERSIONS) | values,
        "capabilities": st.just({}) | values,
        "clientInfo": st.just({"name": "x", "version": "1"}) | values,
        "level": values,
        "requestId": values,
        "requestState": values,
        "inputResponses": values,
        "ref": values,
        "argument": values,
    },
)
messages = st.fixed_dictionaries(
    {"jsonrpc": st.just("2.0") | values},
    optional={
        "id": st.integers(0, 99) | texts | values,
        "method": st.sampled_from(METHODS) | values,
        "params": params,
        "result": values,
        "error": values,
    },
)
bodies = st.one_of(
    st.binary(max_size=60),
    messages.map(lambda message: json.dumps(message).encode("utf-8", "surrogatepass")),
    st.lists(messages, max_size=3).map(lambda batch: json.dumps(batch).encode("utf-8", "surrogatepass")),
    values.map(lambda value: json.dumps(value).encode("utf-8", "surrogatepass")),
    st.just(b'{"a":' * 200),
)
latin = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=30)
headers = st.fixed_dictionaries(
    {},
    optional={
        "accept": st.sampled_from(["application/json, text/event-stream", "*/*", "text/event-stream", ""]) | latin,
        "content-type": st.sampled_from(["application/json", "text/plain", "application/json; charset=x"]) | latin,
        "mcp-protocol-version": st.sampled_from(VERSIONS) | latin,
        "mcp-session-id": st.just("A" * 43) | latin,
        "mcp-method": st.sampled_from(METHODS) | latin,
        "mcp-name": st.sampled_from(NAMES) | latin,
        "origin": st.sampled_from(["http://testserver", "https://evil.example.com", "null"]) | latin,
        "last-event-id": st.sampled_from(["0.0", "1.2", "x", "9" * 30]) | latin,
        "authorization": st.sampled_from(["Bearer x", "Basic Zm9v", "Token"]) | latin,
        "cookie": latin,
        "accept-language": st.sampled_from(["de", "xx;q=nan", "*"]) | latin,
        "content-length": st.sampled_from(["0", "-1", "9" * 20, "x"]),
        "host": st.sampled_from(["testserver", "evil.example.com", ""]),
    },
)
paths = st.sampled_from(["/plain", "/guarded", "/many", "/careful", "/optional", "/off", "/token", "/cookie"])
verbs = st.sampled_from(["POST", "POST", "POST", "POST", "GET", "DELETE", "PUT", "OPTIONS", "HEAD", "PATCH"])


@pytest.mark.every_combination
@pytest.mark.parametrize("lane", LANES)
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(verb=verbs, path=paths, headers=headers, body=bodies, is_right=st.booleans())
@example(verb="POST", path="/plain", headers={}, body=b"", is_right=True)
def test_no_request_breaks_anything(lane, verb, path, headers, body, is_right):
    client = MCPClient(path, **LANES[lane])
    usual = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
    sent = {**usual, "mcp-protocol-version": "2025-11-25", **headers} if is_right else headers
    if lane not in ("lane", "WSGI lane"):
        # Django's CommonMiddleware comes first there, and answers a foreign host with a page.
        sent = {name: value for name, value in sent.items() if name != "host"}
    before = Session.objects.count()
    if verb == "GET" and lane == "lane" and "mcp-session-id" in sent:
        # The stream of a live session would stay open.
        sent = {**sent, "mcp-session-id": "nobody's"}

    response = client.send(verb, body, sent)

    assert response.status_code < 500 or response.status_code == 503, response.content
    assert b"<html" not in response.content.lower()
    assert b"Traceback" not in response.content
    if response.content and response.headers.get("content-type", "").startswith("application/json"):
        json.loads(response.content)
    opened = Session.objects.count() - before
    assert opened == int("mcp-session-id" in response.headers)


def test_a_right_request_is_among_them():
    """The fuzzed endpoint answers a request that is right."""
    assert MCPClient("/plain").post(wire.modern_request("tools/list")).status_code == 200
