"""The observer that makes a span of each call, and records how long it took."""

import json
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final

from django.utils import timezone
from opentelemetry import context, metrics, propagate, trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanKind, Status, StatusCode

from django_mcp.models import Session
from django_mcp.observers import ObservedCall, Observer

from .attributes import Attributes, at_end, at_start, known_name, of_metric, transport_of

SCOPE: Final = "django_mcp"

BUCKETS: Final = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300)
"""Seconds; as the conventions say."""

MAX_MESSAGE: Final = 1000
"""The most characters of an error's message in a span."""


class Telemetry(Observer):
    """A span and a measurement for each call. The span is the current one while the call's function runs, so spans of
    queries and requests are below it.
    """

    surrounds = True

    def __init__(self) -> None:
        self._tracer = trace.get_tracer(SCOPE)
        meter = metrics.get_meter(SCOPE)
        self._durations = meter.create_histogram(
            "mcp.server.operation.duration",
            unit="s",
            description="Duration of an MCP request, from the time when it was read until its answer is ready.",
            explicit_bucket_boundaries_advisory=BUCKETS,
        )
        self._sessions = meter.create_histogram(
            "mcp.server.session.duration",
            unit="s",
            description="Duration of an MCP session that was terminated.",
            explicit_bucket_boundaries_advisory=BUCKETS,
        )

    def started(self, call: ObservedCall) -> None:
        parent, links = _parent_of(call)
        span = self._tracer.start_span(
            call.method, context=parent, kind=SpanKind.SERVER, attributes=at_start(call), links=links
        )
        call.notes[self] = trace.set_span_in_context(span, parent)

    def around(self, call: ObservedCall) -> AbstractContextManager[object]:
        return _attached(call.notes[self])

    def finished(self, call: ObservedCall) -> None:
        own: Context = call.notes.pop(self)
        span = trace.get_current_span(own)
        self._durations.record(call.seconds, of_metric(call), own)
        if span.is_recording():
            _describe(span, call)
        span.end()

    def session_ended(self, *, session_pk: int, **kwargs: Any) -> None:
        """Records the duration of a session that was terminated. A receiver of `session_terminated`."""
        row = Session.objects.filter(pk=session_pk).values_list("created_at", "protocol_version").first()
        if row is not None:
            seconds = (timezone.now() - row[0]).total_seconds()
            attributes: Attributes = {"mcp.protocol.version": row[1], **transport_of("asgi")}
            self._sessions.record(max(0.0, seconds), attributes)


def _describe(span: Span, call: ObservedCall) -> None:
    attributes = at_end(call)
    if name := known_name(call):
        span.update_name(f"{call.method} {name}")
    span.set_attributes(attributes)
    if "error.type" in attributes:
        span.set_status(Status(StatusCode.ERROR, _message_of(call)))


def _message_of(call: ObservedCall) -> str | None:
    """The message of a JSON-RPC error. The text of a tool's own error is left out: it may contain somebody's data."""
    if call.error_code is None or not call.body:
        return None
    # It may repeat a name that a client has made up, of any length.
    message: str = json.loads(call.body)["error"]["message"]
    return message[:MAX_MESSAGE]


def _parent_of(call: ObservedCall) -> tuple[Context, list[Link]]:
    """The parent of a call's span, and links: the context in `_meta`, with a link to the current span; else the current
    span (that of the HTTP request, where it is instrumented), else the headers.
    """
    ambient = trace.get_current_span().get_span_context()
    if (named := _extract(call.meta)) is not None:
        return named, [Link(ambient)] if ambient.is_valid else []
    parent = None if ambient.is_valid else _extract(call.headers)
    return parent or context.get_current(), []


def _extract(carrier: Mapping[str, Any]) -> Context | None:
    """The context that a client has sent, by the project's propagators; None without a span in it. A value that is no
    text is left out.
    """
    fields = propagate.get_global_textmap().fields
    sent = {name: value for name in fields if isinstance(value := carrier.get(name), str)}
    if not sent or not trace.get_current_span(propagate.extract(sent, Context())).get_span_context().is_valid:
        return None
    return propagate.extract(sent, context.get_current())


@contextmanager
def _attached(own: Context) -> Iterator[None]:
    token = context.attach(own)
    try:
        yield
    finally:
        context.detach(token)
