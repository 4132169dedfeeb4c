"""Reading a POST: `read` turns its headers and body into an `Inbound`, or into the refusal for the first rule broken.

This module knows nothing of earlier requests. The message itself names its era: in its envelope, else in its headers.
"""

from typing import Any, Final, Literal, TypeAlias

from . import headers as http
from . import jsonrpc, modern, replies
from .errors import HEADER_MISMATCH, INVALID_PARAMS, INVALID_REQUEST, ProtocolError, unsupported_version
from .headers import Headers
from .jsonrpc import JSON, RequestId
from .records import record
from .replies import Reply
from .versions import HANDSHAKE_VERSIONS, MODERN_VERSIONS, Era

Kind: TypeAlias = Literal["request", "notification", "response"]

SINGLE_OBJECT: Final = "Invalid Request: JSON-RPC body must be a single request object"


@record(frozen=True, slots=True)
class Limits:
    """The limits of a body: its size in bytes, the depth of its JSON, the number of its values, and of the messages in
    a batch.
    """

    body_bytes: int
    json_depth: int
    json_values: int = 100_000
    batch_messages: int = 50


@record(frozen=True, slots=True)
class Inbound:
    """One message that passed the transport's rules.

    `version` is the revision that a modern request names; `None` for a handshake client, whose session has it. Without
    an id, a method or params in the message, `id` is `None`, `method` is "" and `params` is `{}`.
    """

    kind: Kind
    era: Era
    message: dict[str, JSON]
    headers: Headers
    version: str | None
    id: RequestId | None
    method: str
    params: dict[str, Any]

    @classmethod
    def of(
        cls, kind: Kind, era: Era, message: dict[str, JSON], headers: Headers, version: str | None = None
    ) -> "Inbound":
        """The message with its members read once, for all users of them."""
        get = message.get
        return cls(kind, era, message, headers, version, get("id"), get("method", ""), get("params") or {})

    @property
    def session_id(self) -> str | None:
        return self.headers.get(http.SESSION_ID)


@record(frozen=True, slots=True)
class Batch:
    """An array of handshake messages. Whether the client's revision has batches is in its session."""

    messages: tuple[Inbound, ...]
    headers: Headers

    @property
    def session_id(self) -> str | None:
        return self.headers.get(http.SESSION_ID)


def read(headers: Headers, body: bytes | None, limits: Limits, eras: tuple[Era, ...]) -> Inbound | Batch | Reply:
    """The message of a POST, or its refusal. `body` is `None` when it was longer than the limit, and therefore not
    read.
    """
    value: JSON = None
    try:
        http.check_content(headers)
        if body is None or len(body) > limits.body_bytes:
            message = f"Payload too large: request body exceeds {limits.body_bytes} bytes"
            raise ProtocolError(INVALID_REQUEST, message, status=413)
        value = jsonrpc.decode(body, limits.json_depth, limits.json_values)
        if isinstance(value, list):
            return _read_batch(headers, value, eras, limits.batch_messages)
        if not isinstance(value, dict):
            raise ProtocolError(INVALID_REQUEST, SINGLE_OBJECT, status=400)
        return _read_message(headers, value, eras)
    except ProtocolError as error:
        return replies.error(error, _era_of_error(headers, value), _id_of(value))


def check_session_request(headers: Headers) -> Reply | None:
    """The refusal of a GET or DELETE because of its version header, or `None`.

    Both methods belong to the handshake era: without a session, a modern revision is 405 and an unknown revision is
    400.
    """
    version = headers.get(http.PROTOCOL_VERSION)
    if version is None or version in HANDSHAKE_VERSIONS:
        return None
    if version not in MODERN_VERSIONS:
        return replies.error(unsupported_version(version))
    return None if http.SESSION_ID in headers else replies.method_not_allowed("POST")


def check_stream_request(headers: Headers) -> Reply | None:
    """The refusal of a GET that does not accept an event stream, or `None`."""
    try:
        http.check_stream(headers)
    except ProtocolError as error:
        return replies.error(error)
    return None


def _read_message(headers: Headers, message: dict[str, JSON], eras: tuple[Era, ...]) -> Inbound:
    jsonrpc.check_message(message)
    kind = _kind_of(message)
    if kind != "response" and not isinstance(message.get("params"), dict | None):
        raise ProtocolError(INVALID_PARAMS, "Invalid params: params must be an object", status=400)
    era = _era_of(headers, message, kind)
    _check_offered(era, eras, message, headers)
    if era == "handshake":
        if headers.get(http.PROTOCOL_VERSION) == "":
            raise ProtocolError(INVALID_REQUEST, _empty_version(), status=400)
        return Inbound.of(kind, era, message, headers)
    return Inbound.of(kind, era, message, headers, modern.read_envelope(kind, message, headers))


def _read_batch(headers: Headers, values: list[JSON], eras: tuple[Era, ...], limit: int) -> Batch:
    version = headers.get(http.PROTOCOL_VERSION)
    handshake = (
        "handshake" in eras and http.SESSION_ID in headers and (version is None or version in HANDSHAKE_VERSIONS)
    )
    if not handshake or not values or not all(isinstance(value, dict) for value in values):
        raise ProtocolError(INVALID_REQUEST, SINGLE_OBJECT, status=400)
    if len(values) > limit:
        raise ProtocolError(INVALID_REQUEST, f"Invalid Request: a batch holds at most {limit} messages", status=400)
    if any(modern.is_claimed(value) for value in values):
        raise ProtocolError(INVALID_REQUEST, SINGLE_OBJECT, status=400)
    messages = tuple(_read_message(headers, value, eras) for value in values)
    # Responses need a batch of their own, and `initialize` may not be batched (spec 2025-03-26 basic/lifecycle).
    mixed = len({message.kind == "response" for message in messages}) > 1
    if mixed or any(message.method == "initialize" for message in messages):
        raise ProtocolError(
            INVALID_REQUEST, "Invalid Request: a batch holds requests and notifications, or responses", status=400
        )
    return Batch(messages, headers)


def _kind_of(message: dict[str, JSON]) -> Kind:
    if "method" not in message:
        return "response"
    return "request" if "id" in message else "notification"


def _era_of(headers: Headers, message: dict[str, JSON], kind: Kind) -> Era:
    """The era of a message: its envelope decides, then the version header; without either, it is of a handshake
    client.
    """
    if modern.is_claimed(message):
        return "modern"
    if kind == "response":
        return "handshake"
    version = headers.get(http.PROTOCOL_VERSION)
    if not version or version in HANDSHAKE_VERSIONS:
        return "handshake"
    # A client of both eras may name its newest revision on the handshake, and on the session that follows from it.
    settled = message["method"] == "initialize" or http.SESSION_ID in headers
    return "handshake" if settled and version in MODERN_VERSIONS else "modern"


def _era_of_error(headers: Headers, value: JSON) -> Era:
    if isinstance(value, dict) and modern.is_claimed(value):
        return "modern"
    return "modern" if headers.get(http.PROTOCOL_VERSION) in MODERN_VERSIONS else "handshake"


def _check_offered(era: Era, eras: tuple[Era, ...], message: dict[str, JSON], headers: Headers) -> None:
    if era in eras:
        return
    if era == "modern":
        raise ProtocolError(
            INVALID_REQUEST,
            f"This endpoint is opened by initialize, at one of {', '.join(HANDSHAKE_VERSIONS)}",
            status=400,
        )
    if "method" not in message:
        raise ProtocolError(INVALID_REQUEST, modern.NO_RESPONSES, status=400)
    if message["method"] == "initialize":
        raise unsupported_version((message.get("params") or {}).get("protocolVersion"))
    if version := headers.get(http.PROTOCOL_VERSION):
        raise unsupported_version(version)
    raise ProtocolError(HEADER_MISMATCH, "Header mismatch: MCP-Protocol-Version is missing", status=400)


def _id_of(value: JSON) -> RequestId | None:
    """The id that an error repeats: the request's own if it is valid, else `None`."""
    if isinstance(value, dict) and "method" in value and jsonrpc.is_request_id(value.get("id")):
        request_id: RequestId = value["id"]
        return request_id
    return None


def _empty_version() -> str:
    return f"Bad Request: Unsupported protocol version: . Supported versions: {', '.join(HANDSHAKE_VERSIONS)}"
