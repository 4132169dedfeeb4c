"""The modern era (2026-07-28): the envelope of each request, the headers that mirror it, and the members of its
results.

Each request stands alone. It carries in `params._meta` what a session would store. Headers repeat what a proxy may
route by, and must agree with the envelope.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from mcp_types import (
    CLIENT_CAPABILITIES_META_KEY,
    CLIENT_INFO_META_KEY,
    PROTOCOL_VERSION_META_KEY,
    SERVER_INFO_META_KEY,
)
from mcp_types.methods import CACHEABLE_METHODS

from . import headers as http
from .errors import (
    HEADER_MISMATCH,
    INVALID_PARAMS,
    INVALID_REQUEST,
    MISSING_REQUIRED_CLIENT_CAPABILITY,
    ProtocolError,
    unsupported_version,
)
from .headers import Headers
from .jsonrpc import JSON
from .versions import MODERN_VERSIONS

CacheScope = Literal["public", "private"]

SUBSCRIPTION_ID_META_KEY: Final = "io.modelcontextprotocol/subscriptionId"
"""Tags every message of a `subscriptions/listen` with the id of the request that opened it."""

NAME_SOURCES: Final = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
"""The methods whose requests need `Mcp-Name`, and the parameter that this header repeats."""

NO_RESPONSES: Final = "Invalid Request: a posted response has no place in this revision"

_INTEGER: Final = re.compile(r"-?[0-9]{1,16}(\.0+)?")
"""An integer as a header may write it: `42.0` is 42 (spec 2026-07-28), and the limits are ±(2^53-1)."""


@dataclass(frozen=True, slots=True)
class CacheHints:
    """How long, in milliseconds, a client may keep lists and resources, and whether for its own user only.

    `public` lets a shared cache serve one user's answer to another: right only where every user sees the same.
    """

    ttl_ms: int = 0
    scope: CacheScope = "private"


def is_claimed(message: Mapping[str, JSON]) -> bool:
    """Whether a message says that it is of this era: its envelope names a revision, known or not."""
    params = message.get("params")
    meta = params.get("_meta") if isinstance(params, dict) else None
    return isinstance(meta, dict) and PROTOCOL_VERSION_META_KEY in meta


def read_envelope(kind: str, message: Mapping[str, JSON], headers: Headers) -> str:
    """The revision that a modern message names. Raises `ProtocolError` for the first broken rule.

    The order is that of the conformance suite: first the envelope, then the headers against it, then whether the
    revision is served.
    """
    if kind == "response":
        raise ProtocolError(INVALID_REQUEST, NO_RESPONSES, status=400)
    meta: JSON = (message.get("params") or {}).get("_meta")
    header = headers.get(http.PROTOCOL_VERSION)
    if kind == "notification":
        # This revision has no notifications from clients over HTTP, and no rules for their headers: so only the
        # revision is checked.
        return _check_served(meta[PROTOCOL_VERSION_META_KEY] if is_claimed(message) else header)
    if header not in MODERN_VERSIONS and not is_claimed(message):
        raise unsupported_version(header)
    version = _check_meta(meta)
    _check_mirrors(message, headers, version)
    return _check_served(version)


def check_param_headers(
    declared: Mapping[str, tuple[str, ...]], arguments: Mapping[str, JSON], headers: Headers
) -> None:
    """Raises `ProtocolError` -32020 unless each argument that a tool mirrors into a header is equal to it.

    `declared` maps header suffixes (`Mcp-Param-<suffix>`) to the path of the argument. An absent or null argument must
    have no header. A message that did not come over HTTP has none.
    """
    if isinstance(headers, http.Unmirrored):
        return
    for suffix, path in declared.items():
        name = f"Mcp-Param-{suffix}"
        sent = headers.get(name.lower())
        value = _at(arguments, path)
        if value is None:
            if sent is not None:
                raise _mismatch(f"{name} was sent, but the argument {'.'.join(path)} was not")
            continue
        if sent is None:
            raise _mismatch(f"{name} is missing: it must repeat the argument {'.'.join(path)}")
        if not _agrees(http.decode_value(name, sent), value):
            raise _mismatch(f"{name} differs from the argument {'.'.join(path)}")


def missing_capability(required: dict[str, Any], message: str) -> ProtocolError:
    """The error for a request that needs an undeclared capability of its client; `required` is a ClientCapabilities
    object.
    """
    return ProtocolError(MISSING_REQUIRED_CLIENT_CAPABILITY, message, {"requiredCapabilities": required})


def client_info(meta: Mapping[str, Any]) -> dict[str, Any]:
    info = meta.get(CLIENT_INFO_META_KEY)
    return info if isinstance(info, dict) else {}


def client_capabilities(meta: Mapping[str, Any]) -> dict[str, Any]:
    capabilities = meta.get(CLIENT_CAPABILITIES_META_KEY)
    return capabilities if isinstance(capabilities, dict) else {}


def complete(
    method: str, result: dict[str, Any], server_info: dict[str, Any], get_hints: Callable[[], CacheHints]
) -> dict[str, Any]:
    """A result of this era: with its type, the server's info, and, on lists and reads, its cache hints. Members that
    the result has already are kept.
    """
    shaped = {"resultType": "complete", **result}
    if method in CACHEABLE_METHODS and shaped["resultType"] == "complete":
        hints = get_hints()
        shaped.setdefault("ttlMs", hints.ttl_ms)
        shaped.setdefault("cacheScope", hints.scope)
    shaped["_meta"] = {SERVER_INFO_META_KEY: server_info, **result.get("_meta", {})}
    return shaped


def _check_meta(meta: JSON) -> str:
    if not isinstance(meta, dict):
        raise _invalid(f"_meta with {PROTOCOL_VERSION_META_KEY} and {CLIENT_CAPABILITIES_META_KEY} is required")
    version = meta.get(PROTOCOL_VERSION_META_KEY)
    if not isinstance(version, str):
        raise _invalid(f"_meta.{PROTOCOL_VERSION_META_KEY} must be a string")
    if not isinstance(meta.get(CLIENT_CAPABILITIES_META_KEY), dict):
        raise _invalid(f"_meta.{CLIENT_CAPABILITIES_META_KEY} must be an object")
    return version


def _check_mirrors(message: Mapping[str, JSON], headers: Headers, version: str) -> None:
    method = message["method"]
    if headers.get(http.PROTOCOL_VERSION) != version:
        _check_mirror("MCP-Protocol-Version", headers.get(http.PROTOCOL_VERSION), version)
    if headers.get(http.METHOD) != method:
        _check_mirror("Mcp-Method", headers.get(http.METHOD), method)
    source = NAME_SOURCES.get(method)
    target = message["params"].get(source) if source else None
    if isinstance(target, str):
        _check_mirror("Mcp-Name", headers.get(http.NAME), target, decode=True)


def check_name(headers: Headers, target: str) -> None:
    """Raises `ProtocolError` -32020 unless the header `Mcp-Name` repeats the target of an extension's method."""
    _check_mirror("Mcp-Name", headers.get(http.NAME), target, decode=True)


def _check_mirror(name: str, sent: str | None, expected: str, *, decode: bool = False) -> None:
    if sent is None:
        raise _mismatch(f"{name} is missing")
    if (http.decode_value(name, sent) if decode else sent.strip(http.OWS)) != expected:
        raise _mismatch(f"{name} differs from the body")


def _check_served(version: JSON) -> str:
    if not isinstance(version, str) or version not in MODERN_VERSIONS:
        raise unsupported_version(version)
    return version


def _at(arguments: JSON, path: tuple[str, ...]) -> JSON:
    for key in path:
        arguments = arguments.get(key) if isinstance(arguments, dict) else None
    return arguments


def _agrees(sent: str, value: JSON) -> bool:
    if isinstance(value, bool):
        return sent == ("true" if value else "false")
    if isinstance(value, int | float):
        return _INTEGER.fullmatch(sent) is not None and int(sent.partition(".")[0]) == value
    return isinstance(value, str) and sent == value


def _mismatch(message: str) -> ProtocolError:
    return ProtocolError(HEADER_MISMATCH, f"Header mismatch: {message}", status=400)


def _invalid(message: str) -> ProtocolError:
    return ProtocolError(INVALID_PARAMS, f"Invalid params: {message}", status=400)
