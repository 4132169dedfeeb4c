"""The observed call of a message. Whole calls are in tests/test_observers.py."""

from django.http import HttpRequest

from django_mcp import MCPServer
from django_mcp.authentication import anonymous_caller
from django_mcp.endpoint.exchange import Exchange
from django_mcp.endpoint.observed_calls import observed_call
from django_mcp.protocol.inbound import Inbound
from tests import wire
from tests.tables import cases


def observed(message):
    exchange = Exchange(MCPServer("observed"), "off", anonymous_caller(HttpRequest), lane="asgi", path="/mcp")
    return observed_call(
        exchange, Inbound.of("request" if "id" in message else "notification", "handshake", message, {})
    )


@cases(
    ("method", "params", "name", "arguments"),
    [
        ("tools/call", {"name": "greet", "arguments": {"name": "Ada"}}, "greet", {"name": "Ada"}),
        ("tools/call", {"name": ["greet"], "arguments": "no"}, "", {}),
        ("prompts/get", {"name": "plan"}, "plan", {}),
        ("resources/read", {"uri": "note://1", "name": "other"}, "note://1", {}),
        (
            "completion/complete",
            {
                "ref": {"type": "ref/resource", "uri": "note://{pk}"},
                "argument": {"name": "pk", "value": "1"},
                "context": {"arguments": {"owner": "ada"}},
            },
            "note://{pk}",
            {"owner": "ada", "pk": "1"},
        ),
        ("completion/complete", {"ref": 1, "argument": None, "context": []}, "", {"": None}),
    ],
)
def test_a_call_has_its_name_and_arguments_unchecked(method, params, name, arguments):
    call = observed(wire.request(method, params))

    assert (call.name, call.arguments) == (name, arguments)
    assert (call.method, call.server, call.path, call.lane) == (method, "observed", "/mcp", "asgi")


def test_no_other_message_is_a_call():
    assert observed(wire.request("tools/list")) is None
    assert observed(wire.notification("tools/call")) is None
