"""A deployed endpoint, through its real proxy: each check asks as a client does, and says what stands in the way."""

import json
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urlsplit

from mcp_types import CLIENT_CAPABILITIES_META_KEY, CLIENT_INFO_META_KEY, PROTOCOL_VERSION_META_KEY

from django_mcp.protocol.versions import LATEST_HANDSHAKE, LATEST_MODERN

from .authorization import challenge
from .findings import BODY, BUFFERING, COMPRESSION, HOST, IDLE, REQUEST_HEADERS, RESPONSE_HEADERS, Finding
from .project import judge
from .wire import ACCEPT, Answer, Stream, Unreachable, Wire

INFO: Final = {"name": "mcp_doctor", "version": "1"}
REDIRECTS: Final = (301, 302, 303, 307, 308)
WORKER_REQUESTS: Final = 12
"""Requests of one session, each on a new connection: one of several workers is missed with a small probability."""

LARGE_BODY: Final = 2 * 1024 * 1024
CLOCK_SECONDS: Final = 30
FIRST_BYTE_SECONDS: Final = 5
"""The first bytes of a stream come at once; after this long, something holds them back."""

LOCAL: Final = ("localhost", "127.0.0.1", "::1")


@dataclass(slots=True)
class Visit:
    """A visit to an endpoint: `wire` is its address, with the credential; a session is opened on the way."""

    wire: Wire
    wait_seconds: float
    session_id: str = ""
    is_modern: bool = False

    @property
    def in_session(self) -> dict[str, str]:
        version = {"mcp_protocol_version": LATEST_HANDSHAKE}
        return {**version, "mcp_session_id": self.session_id} if self.session_id else version


def examine(wire: Wire, wait_seconds: float) -> Iterator[Finding]:
    """The findings. `wait_seconds` is how long a silent stream is held open."""
    visit = Visit(wire, wait_seconds)
    try:
        yield from _examine(visit)
    except Unreachable as unreachable:
        yield Finding("reach", "problem", str(unreachable), "Is the server running, and is the URL its own?")
    finally:
        _leave(visit)


def _examine(visit: Visit) -> Iterator[Finding]:
    yield from _scheme(visit.wire)
    first = yield from _arrive(visit)
    if first is None:
        return
    yield from _clock(first)
    yield from _foreigners(visit)
    if first.status == 401:
        yield from challenge(visit.wire, first, has_credential="authorization" in visit.wire.headers)
        return
    if (refusal := _refusal(first)) is not None:
        yield refusal
        return
    yield from _modern(visit, first)
    yield from _handshake(visit)
    if not (visit.is_modern or visit.session_id):
        return
    if not (yield from _workers(visit)):
        return
    yield from _stream(visit)
    yield from _large_body(visit)
    yield from _tools(visit)


# The way there


def _scheme(wire: Wire) -> Iterator[Finding]:
    if urlsplit(wire.url).scheme == "https":
        yield Finding("https", "ok", "The address is https.")
    elif wire.host in LOCAL:
        yield Finding("https", "note", "The address is of this machine; clients elsewhere need https.")
    else:
        yield Finding("https", "problem", "The address is not https, so tokens travel in clear.", "Serve https.")


def _arrive(visit: Visit) -> Generator[Finding, None, Answer | None]:
    """The first answer, after redirects; `None` when they do not end."""
    for _ in range(4):
        answer = _discover(visit.wire)
        if answer.status not in REDIRECTS:
            yield Finding("reach", "ok", f"The endpoint answers in {answer.seconds * 1000:.0f} ms.")
            return answer
        target = visit.wire.at(answer.headers.get("location", ""))
        yield Finding(
            "redirect",
            "problem",
            f"{visit.wire.url} redirects to {target.url} ({answer.status}). Clients lose their POST or their token.",
            f"Give clients {target.url}, or serve the endpoint at both addresses without a redirect.",
        )
        visit.wire = target
    yield Finding("redirect", "problem", "The redirects do not end.", "Look at the proxy's rules for this path.")
    return None


def _refusal(answer: Answer) -> Finding | None:
    """The finding about an answer that is none of the protocol."""
    said = answer.error or answer.body[:80].decode(errors="replace").strip()
    if "Host header" in said or answer.status == 421 or (answer.status == 400 and not answer.message):
        advice = "Forward the Host header, and name the host in ALLOWED_HOSTS."
        return Finding("host", "problem", f"The endpoint refuses the host: {answer.status} {said}", advice, HOST)
    if answer.status == 403 and answer.message:
        advice = "The endpoint's permission_classes refuse this caller."
        return Finding("credential", "problem", f"The endpoint refuses the caller: {said}", advice)
    if answer.status == 404 and not answer.message:
        return Finding("path", "problem", "Nothing is at this path (404).", "See manage.py mcp_doctor for the paths.")
    if answer.status == 406 or answer.status == 415:
        advice = "The proxy changes Accept or Content-Type: pass both on."
        return Finding("headers", "problem", f"{answer.status} {said}", advice, REQUEST_HEADERS)
    if answer.status >= 500:
        advice = "Read the server's log; 502 and 504 are the proxy's own."
        return Finding("reach", "problem", f"The server fails: {answer.status} {said}", advice)
    if not answer.message:
        advice = "Is this the endpoint's URL, and no page for signing in?"
        return Finding("path", "problem", f"The answer is {answer.content_type or 'nothing'}, not MCP.", advice)
    return None


def _clock(answer: Answer) -> Iterator[Finding]:
    try:
        sent = parsedate_to_datetime(answer.headers["date"])
    except (KeyError, ValueError):
        yield Finding("clock", "note", "The answer has no Date header.")
        return
    away = abs((datetime.now(UTC) - sent).total_seconds())
    if away > CLOCK_SECONDS:
        advice = "Run a time service (NTP) on both: tokens would end too early or too late."
        yield Finding("clock", "warning", f"The server's clock is {away:.0f} seconds away from this one.", advice)
    else:
        yield Finding("clock", "ok", "The server's clock agrees with this one.")


def _foreigners(visit: Visit) -> Iterator[Finding]:
    """Whether pages of other sites, and names that others point here, are refused."""
    foreign = _discover(visit.wire, origin="https://foreign.invalid")
    if foreign.status < 400:
        advice = "Pass Origin on: the endpoint refuses the origins of other sites by it (MCP_ALLOWED_ORIGINS)."
        yield Finding("origin", "problem", "A page of another site may call.", advice, REQUEST_HEADERS)
    else:
        yield Finding("origin", "ok", "A page of another site is refused.")
    try:
        named = _discover(visit.wire, host="foreign.invalid")
    except Unreachable:
        return
    if named.status < 400:
        advice = 'Name the hosts in ALLOWED_HOSTS, without "*".'
        yield Finding("host", "warning", "Any Host is served, so that DNS rebinding is possible.", advice)
    else:
        yield Finding("host", "ok", "A foreign Host is refused.")


# The two eras


def _modern(visit: Visit, answer: Answer) -> Iterator[Finding]:
    if answer.result:
        visit.is_modern = True
        yield Finding("modern", "ok", f"Revision {LATEST_MODERN} is served.")
    elif "Header mismatch" in answer.error:
        advice = "The proxy removes or changes a header of the protocol (Mcp-*, MCP-Protocol-Version): pass all on."
        yield Finding("modern", "problem", answer.error, advice, REQUEST_HEADERS)
    else:
        yield Finding("modern", "note", f"Revision {LATEST_MODERN} is not served: {answer.error}")


def _handshake(visit: Visit) -> Iterator[Finding]:
    opening = {"protocolVersion": LATEST_HANDSHAKE, "capabilities": {}, "clientInfo": INFO}
    opened = visit.wire.post(_message("initialize", opening))
    if not opened.result:
        yield Finding("handshake", "note", f"initialize is not served: {opened.status} {opened.error}")
        return
    visit.session_id = opened.headers.get("mcp-session-id", "")
    answer = visit.wire.post(_message("ping"), **visit.in_session)
    if answer.status == 200:
        yield Finding("handshake", "ok", "initialize opens a session, and the session is known afterwards.")
    elif visit.session_id and answer.status == 404:
        yield Finding("handshake", "note", "initialize opens a session, and another worker may not know it.")
    elif not visit.session_id:
        advice = "The proxy removes Mcp-Session-Id from the answer: pass it on."
        yield Finding("handshake", "problem", "initialize gives no session id.", advice, RESPONSE_HEADERS)
    else:
        advice = "The proxy removes Mcp-Session-Id from the request: pass it on."
        text = f"The session that was opened is not known: {answer.status} {answer.error}"
        yield Finding("handshake", "problem", text, advice, REQUEST_HEADERS)
        visit.session_id = ""


def _workers(visit: Visit) -> Generator[Finding, None, bool]:
    """Returns whether every worker knows the session; the other checks need that."""
    if not visit.session_id:
        return True
    answers = [visit.wire.post(_message("ping"), **visit.in_session) for _ in range(WORKER_REQUESTS)]
    lost = sum(answer.status != 200 for answer in answers)
    if lost:
        text = f"{lost} of {WORKER_REQUESTS} requests of one session were not answered by it."
        advice = "All workers need one database, the same name of the server, and the same code."
        yield Finding("workers", "problem", text, advice)
    else:
        yield Finding("workers", "ok", f"{WORKER_REQUESTS} requests of one session, each on a new connection, find it.")
    return not lost


# Streams


def _stream(visit: Visit) -> Iterator[Finding]:
    """Opens a stream, and listens: to its first bytes, its encoding, and its silence."""
    try:
        yield from _listen(visit)
    except Unreachable:
        text = "A stream was opened, and not even its headers came."
        yield Finding("buffering", "problem", text, "Turn buffering off for the endpoint.", BUFFERING)


def _listen(visit: Visit) -> Iterator[Finding]:
    with _open_stream(visit) as stream:
        answer = stream.answer
        if answer.content_type != "text/event-stream":
            advice = "Serve the endpoint in the ASGI lane (django_mcp.asgi), for streams and notifications of changes."
            yield Finding("stream", "warning", f"There is no stream: {answer.status}", advice)
            return
        encoding = answer.headers.get("content-encoding", "identity")
        if encoding != "identity":
            advice = "Turn compression off for text/event-stream: events wait in the compressor."
            yield Finding("compression", "problem", f"The stream is compressed ({encoding}).", advice, COMPRESSION)
        else:
            yield Finding("compression", "ok", "The stream is not compressed.")
        started = time.monotonic()
        first = stream.read(FIRST_BYTE_SECONDS)
        if not first:
            text = f"A stream's first bytes did not come within {FIRST_BYTE_SECONDS} seconds."
            yield Finding("buffering", "problem", text, "Turn buffering off for the endpoint.", BUFFERING)
            return
        waited = answer.seconds + time.monotonic() - started
        yield Finding("buffering", "ok", f"A stream's first bytes come after {waited * 1000:.0f} ms.")
        yield from _silence(stream, visit.wait_seconds)


def _silence(stream: Stream, seconds: float) -> Iterator[Finding]:
    started = time.monotonic()
    comments = 0
    while (left := started + seconds - time.monotonic()) > 0:
        chunk = stream.read(left)
        if chunk == b"":
            lasted = time.monotonic() - started
            text = f"A silent stream was closed after {lasted:.0f} seconds."
            advice = "Raise the proxy's idle timeout, or set MCP_KEEPALIVE_SECONDS below it."
            yield Finding("idle", "problem", text, advice, IDLE)
            return
        if chunk is None:
            break
        comments += 1
    heard = f", with {comments} signs of life" if comments else ""
    yield Finding("idle", "ok", f"A stream stays open for {seconds:.0f} seconds{heard}.")


def _open_stream(visit: Visit) -> Any:
    encodings = {"accept_encoding": "gzip, deflate, br, zstd"}
    wire = visit.wire
    if visit.session_id:
        return wire.open("GET", None, accept="text/event-stream", **encodings, **visit.in_session)
    message = _modern_message("subscriptions/listen", {"notifications": {"toolsListChanged": True}})
    headers = {**_mirrors("subscriptions/listen"), **encodings}
    body = json.dumps(message).encode()
    return wire.open("POST", body, accept=ACCEPT, content_type="application/json", **headers)


# Bodies and tools


def _large_body(visit: Visit) -> Iterator[Finding]:
    padding = {"_meta": {"padding": "x" * LARGE_BODY}}
    try:
        if visit.session_id:
            answer = visit.wire.post(_message("ping", padding), **visit.in_session)
        else:
            message = _modern_message("server/discover", padding)
            answer = visit.wire.post(message, **_mirrors("server/discover"))
    except Unreachable as unreachable:
        yield Finding("body", "warning", f"A body of 2 MiB is not taken: {unreachable}", "Allow 4 MiB.", BODY)
        return
    if answer.status >= 400:
        advice = "Allow 4 MiB, as MCP_MAX_BODY_BYTES does."
        yield Finding("body", "warning", f"A body of 2 MiB is answered {answer.status}.", advice, BODY)
    else:
        yield Finding("body", "ok", "A body of 2 MiB is taken.")


def _tools(visit: Visit) -> Iterator[Finding]:
    if visit.is_modern:
        answer = visit.wire.post(_modern_message("tools/list"), **_mirrors("tools/list"))
    else:
        answer = visit.wire.post(_message("tools/list"), **visit.in_session)
    yield from judge(visit.wire.url, answer.result.get("tools", []))


def _leave(visit: Visit) -> None:
    if visit.session_id:
        with suppress(Unreachable):
            visit.wire.send("DELETE", None, **visit.in_session)


def _discover(wire: Wire, **headers: str) -> Answer:
    return wire.post(_modern_message("server/discover"), **_mirrors("server/discover"), **headers)


def _mirrors(method: str) -> dict[str, str]:
    return {"mcp_protocol_version": LATEST_MODERN, "mcp_method": method}


def _message(method: str, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
    message: dict[str, Any] = {"jsonrpc": "2.0", "id": 1, "method": method}
    return message if params is None else {**message, "params": dict(params)}


def _modern_message(method: str, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
    given = params or {}
    envelope = {
        PROTOCOL_VERSION_META_KEY: LATEST_MODERN,
        CLIENT_INFO_META_KEY: INFO,
        CLIENT_CAPABILITIES_META_KEY: {},
    }
    return _message(method, {**given, "_meta": {**given.get("_meta", {}), **envelope}})
