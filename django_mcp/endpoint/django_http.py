"""Django's requests and responses: their headers and bodies as this package reads them, and its replies as Django sends
them.
"""

import time
from collections.abc import Mapping
from typing import Any, Final

from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse

from django_mcp.conf import mcp_settings
from django_mcp.endpoint.thread_stream import Lines
from django_mcp.execution.transactions import release_connections
from django_mcp.protocol import sse
from django_mcp.protocol.headers import OWS, Headers, declares_more
from django_mcp.protocol.replies import JSON_TYPE, Reply

PORTION_BYTES: Final = 8 * 1024
"""So much of a body is read at once."""

MAX_NAMES: Final = 1024
"""The maximum number of headers whose names a process remembers."""


def read_headers(request: HttpRequest) -> Headers:
    """A Django request's headers by their lower-case names."""
    return headers_of(request.META)


def headers_of(meta: Mapping[str, Any]) -> Headers:
    """The headers in Django's META, or in WSGI's environ, by their lower-case names. Strips spaces that some ASGI
    servers leave around a value.
    """
    return {name: value.strip(OWS) for key, value in meta.items() if (name := _names[key])}


class _Names(dict[str, str]):
    """The header's name for each key of META; "" for a key that is not a header."""

    def __missing__(self, key: str) -> str:
        is_header = key.startswith("HTTP_") or key in ("CONTENT_TYPE", "CONTENT_LENGTH")
        name = key.removeprefix("HTTP_").replace("_", "-").lower() if is_header else ""
        # Clients choose the names of headers, which must not fill the memory.
        if len(self) >= MAX_NAMES:
            self.clear()
        self[key] = name
        return name


_names: Final = _Names()


def read_body(request: HttpRequest, headers: Headers, limit: int) -> bytes | None:
    """The body, or `None` when it is longer than `limit` bytes. Read from the stream, because Django's own limit
    answers with an HTML page. Raises `TimeoutError` for a body that is too slow.
    """
    if declares_more(headers, limit):
        return None
    if not hasattr(request, "_body"):
        source = request.META["wsgi.input"] if _is_chunked(request.META, headers) else request
        request._body = _read(source, limit + 1)
    return request._body


def read_input(environ: Mapping[str, Any], headers: Headers, limit: int) -> bytes | None:
    """See read_body(): the body of a WSGI request."""
    if declares_more(headers, limit):
        return None
    declared = headers.get("content-length", "")
    # As for Django, a body of an unknown length is empty.
    length = int(declared) if declared.isascii() and declared.isdigit() else 0
    return _read(environ["wsgi.input"], limit + 1 if _is_chunked(environ, headers) else length)


def _is_chunked(meta: Mapping[str, Any], headers: Headers) -> bool:
    """Whether a body of unknown length can be read to its end, because the WSGI server ends the input with the body.
    Django reads such a body as empty.
    """
    return not headers.get("content-length") and bool(meta.get("wsgi.input_terminated"))


def _read(source: Any, size: int) -> bytes:
    """So many bytes, or all that there are. A read waits until its portion is there, so the time is looked at between
    portions: a client that sends nothing at all is the server's to end.
    """
    if not size:
        return b""
    began = time.monotonic()
    body: bytes = source.read(min(size, PORTION_BYTES))
    if not body or len(body) == size:
        return body
    parts, missing = [body], size - len(body)
    deadline = began + mcp_settings.BODY_TIMEOUT_SECONDS
    while missing and (part := source.read(min(missing, PORTION_BYTES))):
        if time.monotonic() > deadline:
            raise TimeoutError
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


def to_response(reply: Reply) -> HttpResponse:
    response = HttpResponse(reply.body, status=reply.status, content_type=JSON_TYPE if reply.body else None)
    if not reply.body:
        del response["Content-Type"]
    for name, value in reply.headers:
        response[name] = value
    return response


def to_stream(lines: Lines, request: HttpRequest) -> StreamingHttpResponse:
    """The response that sends lines as they come. Django would collect them all first if it were given a plain iterator
    under ASGI.
    """
    is_async = isinstance(request, ASGIRequest)
    if is_async:
        # This thread belongs to the request until the response ends, but makes no more queries.
        release_connections()
    response = StreamingHttpResponse(aiter(lines) if is_async else iter(lines))
    for name, value in sse.HEADERS:
        response[name] = value
    # Keeps GZipMiddleware from compressing: it would hold back events until a block is full.
    response["Content-Encoding"] = "identity"
    return response
