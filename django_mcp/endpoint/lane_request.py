"""A request that a lane answers before Django's handler: who may call, by the hooks of the view, and its exchange.

The lanes themselves read the body, run the call and send the answer.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeVar

from django.http import HttpRequest
from django.views import View

from django_mcp.execution.threads import keep_caches
from django_mcp.primitives.context import Caller
from django_mcp.protocol import inbound
from django_mcp.protocol.headers import Headers
from django_mcp.protocol.replies import Reply

from . import cors
from .exchange import Exchange
from .request_stream import RequestStream

if TYPE_CHECKING:
    from django_mcp.views import MCPView

T = TypeVar("T")

NO_LIMITS: Final = inbound.Limits(0, 0, 0, 0)


class LaneRequest:
    """A request to an endpoint: `view` configures it, `kwargs` are the variables of its path. `path` has the prefix
    under which the project is served, and `lane` is the lane's name for observers.
    """

    __slots__ = (
        "_caller",
        "_is_open",
        "_limits",
        "_request",
        "configures_itself",
        "cors",
        "headers",
        "kwargs",
        "lane",
        "method",
        "path",
        "view",
    )

    has_streams: ClassVar[bool]
    """Whether the lane has streams that stand open."""

    def __init__(
        self, view: "MCPView", kwargs: dict[str, Any], headers: Headers, method: str, path: str, lane: str
    ) -> None:
        self.view = view
        self.configures_itself = view.configures_itself
        self.kwargs = kwargs
        self.headers = headers
        self.method = method
        self.path = path
        self.lane = lane
        self.cors: tuple[tuple[str, str], ...] = ()
        self._request: HttpRequest | None = None
        self._caller: Caller | None = None
        self._is_open = False
        self._limits = NO_LIMITS

    def _new_request(self) -> HttpRequest:
        raise NotImplementedError

    def request(self) -> HttpRequest:
        """Django's request, made on first use."""
        if self._request is None:
            self._request = self._new_request()
        return self._request

    def _check_headers(self) -> Reply | None:
        """Reads the view's configuration, and checks the headers: hosts, origins and preflights."""
        if self.configures_itself:
            # Its methods may read what Django sets before it calls them. An override of `setup` is called on admission.
            View.setup(self.view, self.request(), **self.kwargs)
        self._is_open = self.view.is_open()
        self._limits = self.view.get_limits()
        self.cors = cors.headers_for(self.headers, self.view.get_allowed_origins())
        if refusal := self.view.refuse_unheard(self.headers):
            return refusal
        return self.view.preflight(self.headers) if self.method == "OPTIONS" else None

    def _admit(self) -> Caller | Reply:
        if self._caller is not None:
            return self._caller
        # Throttles count in one, on each request.
        keep_caches()
        if self._is_open:
            return self.view.anonymous_caller(self.request)
        return self.view.admit(self.request(), **self.kwargs)

    def _count_one_more(self) -> Reply | None:
        return None if self._is_open else self.view.count_one_more(self.request())

    def _exchange(self, caller: Caller, stream: RequestStream | None = None) -> Exchange:
        return Exchange(
            self.view.get_server(),
            self.view.get_sessions(),
            caller,
            stream=stream,
            streams=self.has_streams,
            count=self._count_one_more,
            lane=self.lane,
            path=self.path,
        )

    def _admitted(self, answer: Callable[[Exchange, Headers], T]) -> T | Reply:
        """The answer to a GET or DELETE of a session, after the caller is admitted."""
        caller = self._admit()
        return caller if isinstance(caller, Reply) else answer(self._exchange(caller), self.headers)
