"""The effects of a message: values that name the row to change. A method returns an effect, and the exchange carries it
out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from django_mcp.protocol.jsonrpc import RequestId

if TYPE_CHECKING:
    pass


@dataclass(frozen=True, slots=True)
class OpenSession:
    """The effect of `initialize`: creates a session, whose id goes into the reply."""

    protocol_version: str
    client_info: Mapping[str, Any]
    client_capabilities: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SetLogLevel:
    """The effect of `logging/setLevel`: stores the level in the session."""

    level: str


@dataclass(frozen=True, slots=True)
class Subscribe:
    """The effect of `resources/subscribe`: subscribes the session to the resource's changes."""

    uri: str


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """The effect of `resources/unsubscribe`: ends the session's subscription."""

    uri: str


@dataclass(frozen=True, slots=True)
class CancelRequest:
    """The effect of `notifications/cancelled`: stops the session's request with this id, on whichever process it
    runs.
    """

    request_id: RequestId


@dataclass(frozen=True, slots=True)
class KeepAnswer:
    """The effect of a client's response: stores it as the answer to the server's request with this id."""

    request_id: RequestId
    message: Mapping[str, Any]


Effect: TypeAlias = OpenSession | SetLogLevel | Subscribe | Unsubscribe | CancelRequest | KeepAnswer
