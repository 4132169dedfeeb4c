"""A server asked without HTTP: messages straight to `answering.prepare` and `finish`, in any revision."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.test import RequestFactory
from mcp_types.methods import validate_server_result
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, KNOWN_PROTOCOL_VERSIONS

from django_mcp import MCPServer
from django_mcp.execution.runner import run
from django_mcp.methods.answering import PendingReply, finish, prepare
from django_mcp.methods.effects import Effect
from django_mcp.methods.request import Call, Listen
from django_mcp.primitives.context import Caller, Principal, RequestStream
from django_mcp.protocol.inbound import Inbound
from django_mcp.protocol.replies import Reply
from tests import wire

VERSIONS = KNOWN_PROTOCOL_VERSIONS
HANDSHAKE = HANDSHAKE_PROTOCOL_VERSIONS
MODERN = "2026-07-28"

CALLER = Caller(Principal("anonymous", AnonymousUser()), lambda: RequestFactory().post("/"))


@dataclass
class Session:
    """The values of a session, without a row."""

    protocol_version: str = "2025-11-25"
    log_level: str = ""
    session_id: str = "s"
    client_info: Mapping[str, Any] = field(default_factory=lambda: {"name": "test", "version": "1"})
    client_capabilities: Mapping[str, Any] = field(default_factory=dict)
    state: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Answered:
    """The outcome of a request: the status and the message that go out, and the effect that is stored before them."""

    status: int
    message: dict[str, Any]
    effect: Effect | None = None

    @property
    def result(self) -> dict[str, Any]:
        result: dict[str, Any] = self.message["result"]
        return result

    @property
    def error(self) -> dict[str, Any]:
        error: dict[str, Any] = self.message["error"]
        return error


def inbound(message: Mapping[str, Any], version: str, headers: Mapping[str, str] | None = None) -> Inbound:
    """A message as the transport hands it on."""
    kind = "response" if "method" not in message else "request" if "id" in message else "notification"
    if version in HANDSHAKE:
        return Inbound.of(kind, "handshake", dict(message), headers or {})
    return Inbound.of(kind, "modern", dict(message), headers or {}, version)


def ask(
    server: MCPServer,
    method: str,
    params: Mapping[str, Any] | None = None,
    version: str = "2025-11-25",
    *,
    session: Session | None = None,
    headers: Mapping[str, str] | None = None,
    request_stream: RequestStream | None = None,
    streams: bool = False,
    caller: Caller = CALLER,
) -> Answered:
    """The answer to a request of a client of a revision. A result is checked against the revision's own schema."""
    if version in HANDSHAKE:
        message = wire.request(method, params)
        session = session or (None if method == "initialize" else Session(version))
    else:
        message = wire.request(method, {"_meta": wire.ENVELOPE, **(params or {})})
    step = prepare(server, inbound(message, version, headers), session, caller, request_stream, streams=streams)
    assert not isinstance(step, Listen)
    effect = step.effect if isinstance(step, PendingReply) else None
    if isinstance(step, PendingReply):
        step = step.reply
    if isinstance(step, Call):
        step = finish(step, run(step))
    return _read(step, method, version, effect)


def _read(reply: Reply, method: str, version: str, effect: Effect | None) -> Answered:
    message = json.loads(reply.body)
    assert message.pop("jsonrpc") == "2.0"
    assert message.pop("id") == 1
    assert len(message) == 1
    if "result" in message:
        settled = message["result"]["protocolVersion"] if method == "initialize" else version
        validate_server_result(method, settled, message["result"])
    return Answered(reply.status, message, effect)
