"""An endpoint as one user of this machine calls it: the project's own view, with a user in place of a credential."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ImproperlyConfigured
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from django_mcp.endpoint import routes
from django_mcp.endpoint.routes import Match, Route
from django_mcp.primitives.context import Caller
from django_mcp.protocol.headers import Headers
from django_mcp.protocol.inbound import Limits
from django_mcp.protocol.replies import Reply
from django_mcp.server import MCPServer, all_servers
from django_mcp.views import MCPView, serves


class LocalAuthentication(BaseAuthentication):
    """The user whom the command names, read again for each request: one who was deactivated is not served any more."""

    def __init__(self, user_pk: Any) -> None:
        self._user_pk = user_pk

    def authenticate(self, request: Request) -> tuple[Any, None] | None:
        user: Any = get_user_model()._default_manager.filter(pk=self._user_pk).first()
        if user is None or not user.is_active:
            raise AuthenticationFailed("The user is not active any more.")
        return user, None


@dataclass(frozen=True)
class LocalEndpoint:
    """The endpoint at a path, for one user or, without a primary key, for an anonymous caller. Each call has a view of
    its own.
    """

    view_class: type[MCPView]
    options: Mapping[str, Any]
    path: str
    kwargs: Mapping[str, Any]
    user_pk: Any = None

    @cached_property
    def _local_class(self) -> type[MCPView]:
        user_pk = self.user_pk

        def get_authenticators(view: MCPView) -> list[BaseAuthentication]:
            return [] if user_pk is None else [LocalAuthentication(user_pk)]

        def refuse_unheard(view: MCPView, headers: Headers) -> Reply | None:
            return None  # There is no network: no host, no origin.

        def get_sessions(view: MCPView) -> str:
            return "required" if "handshake" in view.eras else "off"

        hooks = (get_authenticators, refuse_unheard, get_sessions)
        return type(self.view_class.__name__, (self.view_class,), {hook.__name__: hook for hook in hooks})

    def view(self) -> MCPView:
        return self._local_class(**self.options)

    def project_view(self) -> MCPView:
        """The view as it is over HTTP, with its own authenticators."""
        return self.view_class(**self.options)

    @property
    def limits(self) -> Limits:
        return self.view().get_limits()

    def scope(self, method: str, headers: Headers) -> dict[str, Any]:
        """An ASGI scope for a request of this process."""
        sent = {"host": _host(), **headers}
        return {
            "type": "http",
            "mcp_lane": "stdio",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": self.path,
            "raw_path": self.path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in sent.items()],
            "client": ("127.0.0.1", 0),
            "server": ("127.0.0.1", 0),
        }

    def request(self) -> HttpRequest:
        """A request of this process, for hooks that want one."""
        request = ASGIRequest(self.scope("POST", {}), BytesIO())
        request.user = AnonymousUser()
        return request

    def admit(self) -> tuple[MCPServer, Caller] | None:
        """The server and the caller, if the endpoint's policies admit the user. Counts for no throttle."""
        view = self.view()
        caller = view.recognise(self.request(), **self.kwargs)
        return None if caller is None else (view.get_server(), caller)


def find_endpoint(server: str | None = None, path: str | None = None, user: Any = None) -> LocalEndpoint:
    """The endpoint of a server, or at a path, for a user. Without both, that of the default server. A server that has
    no URL is served as a public endpoint would be. Raises `ImproperlyConfigured`.
    """
    user_pk = None if user is None else user.pk
    # A server may stand in a module that only the URLconf imports.
    known = routes.routes()
    match = _at(path) if path is not None else next(_fixed(_server_named(server), known), None)
    if match is None:
        return LocalEndpoint(MCPView, {"server": _server_named(server), "public": True}, "/mcp", {}, user_pk)
    route, kwargs = match
    if not serves(route):
        raise ImproperlyConfigured(
            f"The endpoint at {route.pattern} overrides methods that only Django calls, so that it is served over HTTP "
            "alone. Override hooks of admission (initial, check_permissions …), or name another endpoint by --path."
        )
    callback = route.callback.mcp_view
    return LocalEndpoint(callback.view_class, callback.view_initkwargs, path or route.pattern, kwargs, user_pk)


def _server_named(name: str | None) -> MCPServer:
    from django_mcp import default_server

    known = all_servers()
    found = [server for server in known if server.name == name]
    if name is None:
        return default_server
    if not found:
        raise ImproperlyConfigured(f"There is no server {name!r}; there are {', '.join(one.name for one in known)}.")
    return found[0]


def _at(path: str) -> Match:
    match = routes.find(path)
    if match is None:
        known = ", ".join(sorted(route.pattern for route in routes.routes()))
        raise ImproperlyConfigured(f"There is no endpoint at {path!r}; there are {known or 'none'}.")
    return match


def _fixed(server: MCPServer, known: Iterable[Route]) -> Iterator[Match]:
    """The endpoints of a server whose paths have no variables."""
    for route in known:
        view = route.view()
        # A view that chooses its server for each request cannot be asked without one.
        if route.path is not None and type(view).get_server is MCPView.get_server and view.get_server() is server:
            kwargs = route.match(route.path)
            if kwargs is not None:
                yield route, kwargs


def _host() -> str:
    """A host that Django accepts, for absolute URLs that tools build."""
    named = [host for host in settings.ALLOWED_HOSTS if "*" not in host]
    return named[0].lstrip(".") if named else "localhost"
