"""What a running primitive may ask: who calls, in which session, with what client."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
    from django.http import HttpRequest

    from django_mcp.protocol.versions import Era


class Session(Protocol):
    """The values of an open session, wherever they are kept."""

    session_id: str
    protocol_version: str
    log_level: str | None

    @property
    def client_info(self) -> Mapping[str, Any]: ...

    @property
    def client_capabilities(self) -> Mapping[str, Any]: ...

    @property
    def state(self) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a message: the user that the endpoint's policies found, its stable key, and how to come by Django's
    request.
    """

    user: "AbstractBaseUser | AnonymousUser"
    principal: str
    get_request: "Callable[[], HttpRequest]"


@dataclass(frozen=True, slots=True)
class Context:
    """One request, as the tool, resource or prompt that answers it sees it. Ask for it by annotating a parameter
    `Context`.

    `client_info` and `client_capabilities` are what the client says of itself: of use for wording, never for
    permission. `meta` is the request's own `_meta`. `session` is `None` for a modern client, and wherever sessions are
    off.
    """

    server: Any
    method: str
    request_id: str | int
    era: "Era"
    protocol_version: str
    client_info: Mapping[str, Any]
    client_capabilities: Mapping[str, Any]
    meta: Mapping[str, Any]
    session: Session | None
    caller: Caller

    @property
    def user(self) -> "AbstractBaseUser | AnonymousUser":
        """The user whom the endpoint authenticated, or Django's `AnonymousUser`."""
        return self.caller.user

    @property
    def request(self) -> "HttpRequest":
        """Django's request. In the ASGI lane no middleware has seen it, so it has what the server sent and the user, no
        more.
        """
        return self.caller.get_request()
