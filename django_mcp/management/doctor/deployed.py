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

from django.utils.translation import gettext as _
from django.utils.translation import ngettext
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
        yield Finding("reach", "problem", str(unreachable), _("Is the server running, and is the URL its own?"))
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
        yield Finding("https", "ok", _("The address is https."))
    elif wire.host in LOCAL:
        yield Finding("https", "note", _("The address is of this machine; clients elsewhere need https."))
    else:
        text = _("The address is not https, so tokens travel in clear.")
        yield Finding("https", "problem", text, _("Serve https."))


def _arrive(visit: Visit) -> Generator[Finding, None, Answer | None]:
    """The first answer, after redirects; `None` when they do not end."""
    for _hop in range(4):
        answer = _discover(visit.wire)
        if answer.status not in REDIRECTS:
            text = _("The endpoint answers in %(milliseconds)d ms.") % {"milliseconds": round(answer.seconds * 1000)}
            yield Finding("reach", "ok", text)
            return answer
        target = visit.wire.at(answer.headers.get("location", ""))
        text = _("%(url)s redirects to %(target)s (%(status)d). Clients lose their POST or their token.")
        advice = _("Give clients %(target)s, or serve the endpoint at both addresses without a redirect.")
        values = {"url": visit.wire.url, "target": target.url, "status": answer.status}
        yield Finding("redirect", "problem", text % values, advice % values)
        visit.wire = target
    text = _("The redirects do not end.")
    yield Finding("redirect", "problem", text, _("Look at the proxy's rules for this path."))
    return None


def _refusal(answer: Answer) -> Finding | None:
    """The finding about an answer that is none of the protocol."""
    said = answer.error or answer.body[:80].decode(errors="replace").strip()
    values = {"status": answer.status, "text": said}
    if "Host header" in said or answer.status == 421 or (answer.status == 400 and not answer.message):
        advice = _("Forward the Host header, and name the host in ALLOWED_HOSTS.")
        text = _("The endpoint refuses the host: %(status)d %(text)s") % values
        return Finding("host", "problem", text, advice, HOST)
    if answer.status == 403 and answer.message:
        advice = _("The endpoint's permission_classes refuse this caller.")
        return Finding("credential", "problem", _("The endpoint refuses the caller: %(text)s") % values, advice)
    if answer.status == 404 and not answer.message:
        advice = _("See manage.py mcp_doctor for the paths.")
        return Finding("path", "problem", _("Nothing is at this path (404)."), advice)
    if answer.status == 406 or answer.status == 415:
        advice = _("The proxy changes Accept or Content-Type: pass both on.")
        return Finding("headers", "problem", f"{answer.status} {said}", advice, REQUEST_HEADERS)
    if answer.status >= 500:
        advice = _("Read the server's log; 502 and 504 are the proxy's own.")
        return Finding("reach", "problem", _("The server fails: %(status)d %(text)s") % values, advice)
    if not answer.message:
        advice = _("Is this the endpoint's URL, and no page for signing in?")
        text = _("The answer is %(type)s, not MCP.") % {"type": answer.content_type or _("nothing")}
        return Finding("path", "problem", text, advice)
    return None


def _clock(answer: Answer) -> Iterator[Finding]:
    try:
        sent = parsedate_to_datetime(answer.headers["date"])
    except (KeyError, ValueError):
        yield Finding("clock", "note", _("The answer has no Date header."))
        return
    away = abs((datetime.now(UTC) - sent).total_seconds())
    if away > CLOCK_SECONDS:
        advice = _("Run a time service (NTP) on both: tokens would end too early or too late.")
        text = ngettext(
            "The server's clock is %(count)d second away from this one.",
            "The server's clock is %(count)d seconds away from this one.",
            round(away),
        )
        yield Finding("clock", "warning", text % {"count": round(away)}, advice)
    else:
        yield Finding("clock", "ok", _("The server's clock agrees with this one."))


def _foreigners(visit: Visit) -> Iterator[Finding]:
    """Whether pages of other sites, and names that others point here, are refused."""
    foreign = _discover(visit.wire, origin="https://foreign.invalid")
    if foreign.status < 400:
        advice = _("Pass Origin on: the endpoint refuses the origins of other sites by it (MCP_ALLOWED_ORIGINS).")
        yield Finding("origin", "problem", _("A page of another site may call."), advice, REQUEST_HEADERS)
    else:
        yield Finding("origin", "ok", _("A page of another site is refused."))
    try:
        named = _discover(visit.wire, host="foreign.invalid")
    except Unreachable:
        return
    if named.status < 400:
        advice = _('Name the hosts in ALLOWED_HOSTS, without "*".')
        yield Finding("host", "warning", _("Any Host is served, so that DNS rebinding is possible."), advice)
    else:
        yield Finding("host", "ok", _("A foreign Host is refused."))


# The two eras


def _modern(visit: Visit, answer: Answer) -> Iterator[Finding]:
    if answer.result:
        visit.is_modern = True
        yield Finding("modern", "ok", _("Revision %(revision)s is served.") % {"revision": LATEST_MODERN})
    elif "Header mismatch" in answer.error:
        advice = _("The proxy removes or changes a header of the protocol (Mcp-*, MCP-Protocol-Version): pass all on.")
        yield Finding("modern", "problem", answer.error, advice, REQUEST_HEADERS)
    else:
        values = {"revision": LATEST_MODERN, "error": answer.error}
        yield Finding("modern", "note", _("Revision %(revision)s is not served: %(error)s") % values)


def _handshake(visit: Visit) -> Iterator[Finding]:
    opening = {"protocolVersion": LATEST_HANDSHAKE, "capabilities": {}, "clientInfo": INFO}
    opened = visit.wire.post(_message("initialize", opening))
    if not opened.result:
        values = {"status": opened.status, "text": opened.error}
        yield Finding("handshake", "note", _("initialize is not served: %(status)d %(text)s") % values)
        return
    visit.session_id = opened.headers.get("mcp-session-id", "")
    answer = visit.wire.post(_message("ping"), **visit.in_session)
    if answer.status == 200:
        yield Finding("handshake", "ok", _("initialize opens a session, and the session is known afterwards."))
    elif visit.session_id and answer.status == 404:
        yield Finding("handshake", "note", _("initialize opens a session, and another worker may not know it."))
    elif not visit.session_id:
        advice = _("The proxy removes Mcp-Session-Id from the answer: pass it on.")
        yield Finding("handshake", "problem", _("initialize gives no session id."), advice, RESPONSE_HEADERS)
    else:
        advice = _("The proxy removes Mcp-Session-Id from the request: pass it on.")
        values = {"status": answer.status, "text": answer.error}
        text = _("The session that was opened is not known: %(status)d %(text)s") % values
        yield Finding("handshake", "problem", text, advice, REQUEST_HEADERS)
        visit.session_id = ""


def _workers(visit: Visit) -> Generator[Finding, None, bool]:
    """Returns whether every worker knows the session; the other checks need that."""
    if not visit.session_id:
        return True
    answers = [visit.wire.post(_message("ping"), **visit.in_session) for _ in range(WORKER_REQUESTS)]
    lost = sum(answer.status != 200 for answer in answers)
    values = {"lost": lost, "count": WORKER_REQUESTS}
    if lost:
        text = _("%(lost)d of %(count)d requests of one session were not answered by it.") % values
        advice = _("All workers need one database, the same name of the server, and the same code.")
        yield Finding("workers", "problem", text, advice)
    else:
        text = _("%(count)d requests of one session, each on a new connection, find it.") % values
        yield Finding("workers", "ok", text)
    return not lost


# Streams


def _stream(visit: Visit) -> Iterator[Finding]:
    """Opens a stream, and listens: to its first bytes, its encoding, and its silence."""
    try:
        yield from _listen(visit)
    except Unreachable:
        text = _("A stream was opened, and not even its headers came.")
        yield Finding("buffering", "problem", text, _("Turn buffering off for the endpoint."), BUFFERING)


def _listen(visit: Visit) -> Iterator[Finding]:
    with _open_stream(visit) as stream:
        answer = stream.answer
        if answer.content_type != "text/event-stream":
            advice = _(
                "Serve the endpoint in the ASGI lane (django_mcp.asgi), for streams and notifications of changes."
            )
            text = _("There is no stream: %(status)d") % {"status": answer.status}
            yield Finding("stream", "warning", text, advice)
            return
        encoding = answer.headers.get("content-encoding", "identity")
        if encoding != "identity":
            advice = _("Turn compression off for text/event-stream: events wait in the compressor.")
            text = _("The stream is compressed (%(encoding)s).") % {"encoding": encoding}
            yield Finding("compression", "problem", text, advice, COMPRESSION)
        else:
            yield Finding("compression", "ok", _("The stream is not compressed."))
        started = time.monotonic()
        first = stream.read(FIRST_BYTE_SECONDS)
        if not first:
            text = _("A stream's first bytes did not come within %(seconds)d seconds.")
            text %= {"seconds": FIRST_BYTE_SECONDS}
            yield Finding("buffering", "problem", text, _("Turn buffering off for the endpoint."), BUFFERING)
            return
        waited = answer.seconds + time.monotonic() - started
        text = _("A stream's first bytes come after %(milliseconds)d ms.") % {"milliseconds": round(waited * 1000)}
        yield Finding("buffering", "ok", text)
        yield from _silence(stream, visit.wait_seconds)


def _silence(stream: Stream, seconds: float) -> Iterator[Finding]:
    started = time.monotonic()
    comments = 0
    while (left := started + seconds - time.monotonic()) > 0:
        chunk = stream.read(left)
        if chunk == b"":
            lasted = time.monotonic() - started
            text = _("A silent stream was closed after %(seconds)d seconds.") % {"seconds": round(lasted)}
            advice = _("Raise the proxy's idle timeout, or set MCP_KEEPALIVE_SECONDS below it.")
            yield Finding("idle", "problem", text, advice, IDLE)
            return
        if chunk is None:
            break
        comments += 1
    text = _("A stream stays open for %(seconds)d seconds.")
    if comments:
        text = ngettext(
            "A stream stays open for %(seconds)d seconds, with %(count)d sign of life.",
            "A stream stays open for %(seconds)d seconds, with %(count)d signs of life.",
            comments,
        )
    yield Finding("idle", "ok", text % {"seconds": round(seconds), "count": comments})


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
        text = _("A body of 2 MiB is not taken: %(error)s") % {"error": unreachable}
        yield Finding("body", "warning", text, _("Allow 4 MiB."), BODY)
        return
    if answer.status >= 400:
        advice = _("Allow 4 MiB, as MCP_MAX_BODY_BYTES does.")
        text = _("A body of 2 MiB is answered %(status)d.") % {"status": answer.status}
        yield Finding("body", "warning", text, advice, BODY)
    else:
        yield Finding("body", "ok", _("A body of 2 MiB is taken."))


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
