"""Each call is a span and a measurement, by the semantic conventions for MCP, in every lane and era."""

import json
import sqlite3
from pathlib import Path

import pytest
from django.contrib.auth.models import Group
from django.db import connections
from django.urls import path
from opentelemetry import baggage, metrics, trace
from opentelemetry.instrumentation.sqlite3 import SQLite3Instrumentor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from django_mcp import MCPServer, observers
from django_mcp.contrib.otel.telemetry import BUCKETS, Telemetry
from django_mcp.models import Session
from django_mcp.signals import session_terminated
from django_mcp.storage.sessions import terminate_all
from django_mcp.testing import MCPClient
from django_mcp.urls import endpoint
from tests import wire
from tests.calls import SECRET, SENT
from tests.tables import cases

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.urls")]

CONVENTIONS = json.loads((Path(__file__).parent / "conventions.json").read_text())
"""The attributes that docs/gen-ai/mcp.md of semantic-conventions-genai names for a server."""

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
OTHER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Exported:
    """Spans and measurements in memory."""

    def __init__(self):
        self.exporter, self.reader = InMemorySpanExporter(), InMemoryMetricReader()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.meters = MeterProvider(metric_readers=[self.reader])

    def spans(self):
        """The spans that have ended since the last time."""
        ended = self.exporter.get_finished_spans()
        self.exporter.clear()
        return list(ended)

    def points(self, name):
        data = self.reader.get_metrics_data()
        return [
            point
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
            for point in metric.data.data_points
        ]


@pytest.fixture
def exported(monkeypatch):
    exported = Exported()
    monkeypatch.setattr(trace, "get_tracer", exported.tracers.get_tracer)
    monkeypatch.setattr(metrics, "get_meter", exported.meters.get_meter)
    telemetry = Telemetry()
    observers.observe(telemetry)
    session_terminated.connect(telemetry.session_ended)
    yield exported
    session_terminated.disconnect(telemetry.session_ended)
    observers.stop_observing(telemetry)


def send(client, method, params, **meta):
    """Posts a request, with more members in its `_meta`."""
    message = (wire.modern_request if client.era == "modern" else wire.request)(method, {**params})
    message["params"]["_meta"] = {**message["params"].get("_meta", {}), **meta}
    return client.post(message)


@pytest.mark.every_combination
def test_a_call_is_one_span_with_the_attributes_of_the_conventions(connect, era, lane, exported):
    client = connect("/calls")
    client.initialize()

    for sent in SENT:
        answer = json.loads(send(client, sent.method, sent.params).content)

        (span,) = exported.spans()
        found = dict(span.attributes)
        assert span.kind is SpanKind.SERVER
        is_known = sent.outcome != "unknown" and sent.method in ("tools/call", "prompts/get")
        assert span.name == (f"{sent.method} {sent.name}" if is_known else sent.method), sent
        own = {key: found.pop(key) for key in list(found) if key.startswith("django_mcp.")}
        assert (own["django_mcp.outcome"], own["django_mcp.server"]) == (sent.outcome, "calls")
        assert found == expected(client, sent, answer), sent
        assert set(found) <= set(CONVENTIONS["span"])
        assert (span.status.status_code is StatusCode.ERROR) == ("error.type" in found), sent
        assert span.status.description == answer.get("error", {}).get("message"), sent
        assert SECRET not in span.to_json()


def expected(client, sent, answer):
    attributes = {
        "mcp.method.name": sent.method,
        "mcp.protocol.version": client.version,
        "network.transport": "tcp",
        "network.protocol.name": "http",
        "jsonrpc.request.id": str(answer["id"]),
    }
    if sent.method == "tools/call":
        attributes |= {"gen_ai.tool.name": sent.name, "gen_ai.operation.name": "execute_tool"}
    elif sent.method == "resources/read":
        attributes |= {} if sent.outcome == "unknown" else {"mcp.resource.uri": "note://{number}/{token}"}
    else:
        attributes["gen_ai.prompt.name"] = sent.name
    if client.era == "handshake":
        attributes["mcp.session.id"] = Session.objects.get().session_id[:8]
    if "error" in answer:
        code = str(answer["error"]["code"])
        attributes |= {"error.type": code, "rpc.response.status_code": code}
    elif answer["result"].get("isError"):
        attributes["error.type"] = "tool_error"
    return attributes


def test_durations_are_measured_by_what_is_few(connect, exported):
    client = connect("/calls")
    client.initialize()
    for number in range(3):
        send(client, "tools/call", {"name": f"nothing-{number}", "arguments": {}})
        send(client, "tools/call", {"name": "greet", "arguments": {"name": str(number)}})

    points = exported.points("mcp.server.operation.duration")
    assert [(point.count, point.attributes.get("gen_ai.tool.name")) for point in points] == [(3, None), (3, "greet")]
    for point in points:
        assert set(point.attributes) <= set(CONVENTIONS["metric"])
        assert point.explicit_bounds == BUCKETS
        assert 0 < point.sum < 30
    assert [point.attributes.get("error.type") for point in points] == [
        point.attributes.get("rpc.response.status_code") for point in points
    ]


def span_ids(traceparent):
    _, trace_id, span_id, _ = traceparent.split("-")
    return int(trace_id, 16), int(span_id, 16)


def ids_of(context):
    return context and (context.trace_id, context.span_id)


GREET = {"name": "greet", "arguments": {"name": "Ada"}}


@pytest.mark.every_combination
@cases(
    ("meta", "header", "parent"),
    [
        ({"traceparent": PARENT}, OTHER, PARENT),
        ({}, OTHER, OTHER),
        ({"traceparent": "nonsense"}, OTHER, OTHER),
        ({"traceparent": ["00"], "tracestate": 5, "baggage": {}}, OTHER, OTHER),
        ({"tracestate": "a=b"}, "nonsense", None),
    ],
)
def test_the_parent_is_the_context_in_meta_and_else_that_of_the_headers(connect, exported, meta, header, parent):
    client = connect("/calls", headers={"traceparent": header})
    client.initialize()

    send(client, "tools/call", GREET, **meta)

    (span,) = exported.spans()
    assert ids_of(span.parent) == (parent and span_ids(parent))
    assert list(span.links) == []


@pytest.mark.every_combination
@cases("meta", [{}, {"traceparent": PARENT}])
def test_a_span_around_the_request_is_the_parent_or_a_link(connect, exported, meta):
    client = connect("/calls", headers={"traceparent": OTHER})
    client.initialize()

    with exported.tracers.get_tracer("http").start_as_current_span("POST /calls") as around:
        send(client, "tools/call", GREET, **meta)

    span = exported.spans()[0]
    ambient = ids_of(around.get_span_context())
    assert ids_of(span.parent) == (span_ids(PARENT) if meta else ambient)
    assert [ids_of(link.context) for link in span.links] == ([ambient] if meta else [])


traced = MCPServer("traced")


@traced.tool(read_only=True)
def ask_sync() -> str:
    sqlite3.connect(":memory:").cursor().execute("SELECT 1")
    Group.objects.count()
    return str(baggage.get_baggage("tenant"))


@traced.tool(read_only=True)
async def ask_async() -> str:
    sqlite3.connect(":memory:").cursor().execute("SELECT 1")
    await Group.objects.acount()
    return str(baggage.get_baggage("tenant"))


@pytest.fixture
def instrumented(exported):
    """sqlite3 as OpenTelemetry instruments it, and Django's own connections, which were opened before."""
    instrumentor = SQLite3Instrumentor()
    instrumentor.instrument(tracer_provider=exported.tracers)

    def execute(execute, sql, *args):
        with exported.tracers.get_tracer("orm").start_as_current_span("orm"):
            return execute(sql, *args)

    with connections["default"].execute_wrapper(execute):
        yield
    instrumentor.uninstrument()


@pytest.mark.every_combination
@cases("tool", ["ask_sync", "ask_async"])
def test_the_spans_of_queries_are_below_the_calls(connect, exported, instrumented, settings, tool):
    settings.ROOT_URLCONF = type("urls", (), {"urlpatterns": [path("traced", endpoint(traced, public=True))]})
    client = connect("/traced")
    client.initialize()
    exported.spans()

    meta = {"traceparent": PARENT, "baggage": "tenant=north"}
    answered = send(client, "tools/call", {"name": tool, "arguments": {}}, **meta)

    assert "north" in answered.content.decode()
    spans = exported.spans()
    (call,) = [span for span in spans if span.name == f"tools/call {tool}"]
    below = {span.name for span in spans if ids_of(span.parent) == ids_of(call.get_span_context())}
    assert below == {"SELECT", "orm"}
    assert trace.get_current_span() is trace.INVALID_SPAN


def test_a_cancelled_call_is_a_span_too_and_leaves_no_context(exported):
    call = next(sent for sent in SENT if sent.name == "stop_async")
    send(MCPClient("/calls", lane="asgi", era="modern"), call.method, call.params)

    (span,) = exported.spans()
    assert span.attributes["django_mcp.outcome"] == "cancelled"
    assert trace.get_current_span() is trace.INVALID_SPAN


def test_the_duration_of_a_session_that_is_ended_is_measured(exported, time_machine):
    time_machine.move_to("2026-03-01T12:00:00Z", tick=False)
    MCPClient("/calls", era="handshake").initialize()
    time_machine.move_to("2026-03-01T12:01:30Z", tick=False)

    terminate_all(Session.objects.all())

    (point,) = exported.points("mcp.server.session.duration")
    assert (point.sum, point.count) == (90, 1)
    assert set(point.attributes) <= set(CONVENTIONS["session"])


def test_a_name_that_a_client_makes_up_is_cut_and_one_line(exported):
    client = MCPClient("/calls", era="handshake")
    client.initialize()
    send(client, "tools/call", {"name": "x\n\u0000" + "y" * 1000, "arguments": {}})

    (span,) = exported.spans()
    assert (span.name, span.attributes["gen_ai.tool.name"]) == ("tools/call", "x\ufffd" + "y" * 254)
    assert len(span.status.description) == 1000
