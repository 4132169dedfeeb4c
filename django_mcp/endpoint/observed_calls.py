"""Makes the observed call of a message, as it stands before anything has checked it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django_mcp.observers import OBSERVED_METHODS, ObservedCall
from django_mcp.protocol.inbound import Inbound

if TYPE_CHECKING:
    from .exchange import Exchange


def observed_call(exchange: "Exchange", inbound: Inbound) -> ObservedCall | None:
    """The observed call of a message; `None` for a message that is no call."""
    if inbound.method not in OBSERVED_METHODS or inbound.kind != "request":
        return None
    name, arguments = _named(inbound)
    meta = inbound.params.get("_meta")
    meta = meta if isinstance(meta, dict) else {}
    call = ObservedCall(
        method=inbound.method,
        name=name,
        arguments=arguments,
        server=exchange.server.name,
        path=exchange.path,
        lane=exchange.lane,
        era=inbound.era,
        protocol_version=inbound.version or "",
        request_id=inbound.id,
        caller=exchange.caller,
        session=None,
        meta=meta,
        headers=inbound.headers,
        stream=exchange.stream,
    )
    if call.counts_queries:
        call.queries = call.rows = 0
    return call


def start(call: ObservedCall, exchange: "Exchange") -> None:
    """Tells the observers that a call starts, in its session if it has one."""
    session = exchange.session
    if session is not None:
        call.session = session
        call.protocol_version = call.protocol_version or session.protocol_version
    call.start()


def _named(inbound: Inbound) -> tuple[str, Mapping[str, Any]]:
    """The name and the arguments in a call's parameters, which are unchecked."""
    params = inbound.params
    if inbound.method == "completion/complete":
        reference, argument = _object(params.get("ref")), _object(params.get("argument"))
        filled = _object(_object(params.get("context")).get("arguments"))
        return _string(reference.get("name") or reference.get("uri")), {
            **filled,
            _string(argument.get("name")): argument.get("value"),
        }
    name = params.get("uri" if inbound.method == "resources/read" else "name")
    return _string(name), _object(params.get("arguments"))


def _string(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
