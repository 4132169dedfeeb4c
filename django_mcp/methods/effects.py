"""The effects of a message: values that say which row is to change. A method names an effect, and the exchange carries
it out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from django_mcp.protocol.jsonrpc import RequestId

if TYPE_CHECKING:
    pass


@dataclass(frozen=True, slots=True)
class OpenSession:
    """The effect of a successful `initialize`: there shall be a session, and the answer bears its id."""

    protocol_version: str
    client_info: Mapping[str, Any]
    client_capabilities: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SetLogLevel:
    """The effect of `logging/setLevel`: the session remembers the level."""

    level: str


@dataclass(frozen=True, slots=True)
class Subscribe:
    """The effect of `resources/subscribe`: the session hears of the resource's changes."""

    uri: str


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """The effect of `resources/unsubscribe`."""

    uri: str


@dataclass(frozen=True, slots=True)
class CancelRequest:
    """The effect of `notifications/cancelled`: the session's request with this id shall stop, wherever it runs."""

    request_id: RequestId


@dataclass(frozen=True, slots=True)
class KeepAnswer:
    """The effect of a posted response: the request of ours with this id is answered."""

    request_id: RequestId
    message: Mapping[str, Any]


Effect: TypeAlias = OpenSession | SetLogLevel | Subscribe | Unsubscribe | CancelRequest | KeepAnswer
