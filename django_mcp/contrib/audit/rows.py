"""A row of the audit from an observed call, made where the call has run: quick, and without the database."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from django_mcp.conf import mcp_settings
from django_mcp.contrib.times import stored
from django_mcp.models import label, to_json_text
from django_mcp.observers import ObservedCall

from .models import Call
from .redaction import MORE, Redaction

COLUMNS: Final = tuple(field.attname for field in Call._meta.concrete_fields if not field.primary_key)

MAX_RESULT_BYTES: Final = 256 * 1024
"""A larger result is not parsed for the audit."""

OTHERS: Final = 600
"""About the characters of a row's other columns."""

_NO_NAMES: Final[frozenset[str]] = frozenset()


def values_of(call: ObservedCall) -> list[Any]:
    """The values of a row in the order of `COLUMNS`. The arguments are not JSON yet, the result is the
    response's bytes where it is kept, and the last value is the row's size in characters.
    """
    principal, session, info = call.principal, call.session, call.client_info
    user = principal.user
    sensitive = getattr(getattr(call.primitive, "signature", None), "sensitive", _NO_NAMES)
    redaction = Redaction(sensitive, tuple(mcp_settings.AUDIT_REDACT), mcp_settings.AUDIT_CHARACTERS)
    arguments = redaction.kept(call.arguments)
    body = call.body if _keeps_result(call) else None
    text = call.error_text
    return [
        stored(call.started_at),
        call.seconds,
        call.method,
        _name_of(call, redaction),
        call.outcome,
        call.error_class[:100],
        call.error_code,
        _clean(redaction.scrub(text), 500) if text else "",
        "" if user.pk is None else str(user.pk)[:64],
        "" if user.pk is None else _clean(user.get_username(), 150),
        _clean(principal.key, 255),
        _clean(principal.client_id, 255),
        _clean(principal.token_id, 255),
        _clean(info.get("name"), 100),
        _clean(info.get("version"), 40),
        call.server[:100],
        _clean(call.path, 200),
        call.lane,
        call.era,
        _clean(call.protocol_version, 16),
        getattr(session, "pk", None),
        session.session_id[:8] if session is not None else "",
        _clean(str(call.request_id), 64),
        call.key,
        min(call.round, 32_767),
        call.queries,
        call.rows,
        len(call.body),
        _trace_of(call.traceparent),
        _address_of(call) if mcp_settings.AUDIT_ADDRESS else "",
        arguments,
        body,
        redaction.spent + (len(body) if body else 0) + OTHERS,
    ]


def in_json(values: list[Any]) -> list[Any]:
    """The values with the arguments and the result as JSON text. That takes long, so the writer does it."""
    *others, arguments, body, _size = values
    result = None if body is None else to_json_text(_result_in(body))
    return [*others, to_json_text(arguments), result]


def characters_of(values: list[Any]) -> int:
    """About the memory of a row."""
    return int(values[-1])


def _clean(value: Any, max_length: int) -> str:
    """See label(), which takes longer for the text that most text is."""
    is_plain = type(value) is str and value.isascii() and value.isprintable()
    return str(value[:max_length]) if is_plain else label(value, max_length)


def _result_in(body: bytes) -> Any:
    if len(body) > MAX_RESULT_BYTES:
        return f"{MORE} ({len(body)} bytes)"
    answer = json.loads(body)
    redaction = Redaction(_NO_NAMES, tuple(mcp_settings.AUDIT_REDACT), mcp_settings.AUDIT_CHARACTERS)
    return redaction.kept(answer.get("result", answer.get("error")))


def _keeps_result(call: ObservedCall) -> bool:
    wanted = mcp_settings.AUDIT_RESULTS
    return bool(wanted) and (call.name in wanted or _template_of(call) in wanted)


def _name_of(call: ObservedCall, redaction: Redaction) -> str:
    """The name of the call; a URI with a secret variable is that of its template."""
    if call.method == "tools/call" or call.method == "prompts/get":
        return _clean(call.name, 255)
    template = _template_of(call)
    return _clean(template if template and redaction.has_secrets else redaction.uri(call.name), 255)


def _template_of(call: ObservedCall) -> str:
    definition: Mapping[str, Any] = getattr(call.primitive, "definition", {})
    return str(definition.get("uriTemplate", ""))


def _trace_of(traceparent: str) -> str:
    """The trace id of a W3C trace context: its second part."""
    parts = traceparent.split("-")
    is_known = len(parts) >= 4 and len(parts[1]) == 32 and set(parts[1]) <= set("0123456789abcdef")
    return parts[1] if is_known else ""


def _address_of(call: ObservedCall) -> str:
    get_request: Callable[[], Any] = call.caller.get_request
    return _clean(get_request().META.get("REMOTE_ADDR") or "", 45)
