"""The options of an endpoint, and the policies that follow from them. All lanes read them."""

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias, cast, get_args

from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, QueryDict
from rest_framework.authentication import BaseAuthentication
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.permissions import BasePermission, DjangoModelPermissions, IsAuthenticated
from rest_framework.renderers import JSONRenderer
from rest_framework.request import ForcedAuthentication
from rest_framework.settings import api_settings
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from django_mcp.conf import PAGE_POLICIES, is_page_policy, mcp_settings
from django_mcp.endpoint.exchange import SessionPolicy
from django_mcp.execution.under_test import under_test
from django_mcp.protocol.inbound import Limits
from django_mcp.protocol.versions import Era
from django_mcp.server import MCPServer

PagePolicy: TypeAlias = str | Callable[[HttpRequest], bool] | Literal[False]
""""debug" (everybody with DEBUG, else staff), "staff", a permission ("app.codename"), a function of the request, or
`False`: nobody.
"""


class Unread(BaseParser):
    """A parser that does not read the body. DRF parses a form when it looks for a CSRF token; MCP clients send the
    token in a header.
    """

    media_type = "*/*"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> QueryDict:
        return QueryDict()


def check_options(cls: "type[EndpointOptions]", options: dict[str, Any]) -> None:
    """Raises `ImproperlyConfigured` for unknown values of `sessions` and `eras`."""
    sessions, eras = options.get("sessions", cls.sessions), options.get("eras", cls.eras)
    if sessions not in get_args(SessionPolicy):
        raise ImproperlyConfigured(f"An endpoint's sessions are one of {get_args(SessionPolicy)}, not {sessions!r}.")
    if isinstance(eras, str) or not eras or not set(eras) <= set(get_args(Era)):
        raise ImproperlyConfigured(f"An endpoint's eras are a tuple of some of {get_args(Era)}, not {eras!r}.")
    page = options.get("page", cls.page)
    if page is not None and not is_page_policy(page):
        raise ImproperlyConfigured(f"An endpoint's page is {PAGE_POLICIES}, not {page!r}.")


class EndpointOptions(APIView):
    """The part of `MCPView` that a project configures: attributes, and the methods that read them."""

    server: MCPServer | None = None
    """The server of this endpoint; `None` is the default server."""

    public: bool = False
    """Whether anonymous callers are allowed. By default, callers must be signed in."""

    sessions: SessionPolicy = "required"
    """For the handshake era: `optional` also serves clients that lose their session header, `off` opens no sessions."""

    eras: tuple[Era, ...] = ("handshake", "modern")
    """The eras that the endpoint serves."""

    allowed_origins: Sequence[str] | None = None
    """Browser origins besides the project's own hosts; `None` means `MCP_ALLOWED_ORIGINS`."""

    authorization_servers: Sequence[str] = ()
    """The issuers of tokens for this endpoint. If there are any, the endpoint is an OAuth protected resource (RFC
    9728): a 401 names the URL of its metadata, which `django_mcp.well_known` serves.
    """

    scopes_supported: Sequence[str] = ()
    """The scopes for basic use, which a client requests first."""

    authentication_classes: Sequence[type[BaseAuthentication]] | None = None  # type: ignore[assignment]
    """`None` means DRF's `DEFAULT_AUTHENTICATION_CLASSES`, or none on a public endpoint."""

    permission_classes: Sequence[type[BasePermission]] | None = None  # type: ignore[assignment]
    """`None` means a signed-in user and DRF's `DEFAULT_PERMISSION_CLASSES`, or none on a public endpoint."""

    throttle_classes: Sequence[type[BaseThrottle]] | None = None  # type: ignore[assignment]
    """`None` means DRF's `DEFAULT_THROTTLE_CLASSES`."""

    page: PagePolicy | None = None
    """The people who may see the page that a browser gets here; `None` takes `MCP_PAGE`."""

    renderer_classes = (JSONRenderer,)
    parser_classes = (Unread,)
    content_negotiation_class = DefaultContentNegotiation
    versioning_class = None  # The project's API has its versions, and the protocol its own.
    schema = None
    http_method_names = ["get", "post", "delete"]

    def get_server(self) -> MCPServer:
        if self.server is None:
            from django_mcp import default_server

            return default_server
        return self.server

    def get_sessions(self) -> SessionPolicy:
        """The session policy: `off` without the handshake era."""
        return self.sessions if "handshake" in self.eras else "off"

    def get_authenticators(self) -> list[BaseAuthentication]:
        if (user := under_test().user) is not None:
            return [ForcedAuthentication(user, None)]  # type: ignore[list-item]
        return [authenticator() for authenticator in self._policy("authentication_classes", ())]

    def get_authorization_servers(self, request: HttpRequest) -> Sequence[str]:
        """The issuers of this endpoint's tokens: `authorization_servers`, else those that its authenticators know."""
        if self.authorization_servers:
            return self.authorization_servers
        asked = [getattr(authenticator, "authorization_servers", None) for authenticator in self.get_authenticators()]
        return [server for ask in asked if ask is not None for server in ask(request)]

    def get_permissions(self) -> list[Any]:
        return [permission() for permission in self._permission_classes()]

    def get_throttles(self) -> list[BaseThrottle]:
        return [throttle() for throttle in self._throttle_classes()]

    def _has_policies(self) -> bool:
        """Whether the methods above would return policies. Makes none."""
        return bool(
            under_test().user is not None
            or self._policy("authentication_classes", ())
            or self._permission_classes()
            or self._throttle_classes()
        )

    def _permission_classes(self) -> Sequence[Any]:
        classes = self._policy("permission_classes", (IsAuthenticated,))
        if self.permission_classes is None:
            # Such a default is for views of one model. An endpoint has no single model to check; its primitives do.
            classes = [policy for policy in classes if not _asks_for_a_model(policy)]
        return classes

    def _throttle_classes(self) -> Sequence[Any]:
        classes: Any = self.throttle_classes
        return api_settings.DEFAULT_THROTTLE_CLASSES if classes is None else classes

    def _policy(self, name: str, first: Sequence[Any]) -> Sequence[Any]:
        """The policy classes: the attribute's; if it is `None`, none on a public endpoint, else `first` and DRF's
        defaults.
        """
        classes: Sequence[Any] | None = getattr(self, name)
        if classes is not None:
            return classes
        return () if self.public else (*first, *getattr(api_settings, f"DEFAULT_{name.upper()}"))

    def get_limits(self) -> Limits:
        return Limits(
            mcp_settings.MAX_BODY_BYTES,
            mcp_settings.MAX_JSON_DEPTH,
            mcp_settings.MAX_JSON_VALUES,
            mcp_settings.MAX_BATCH_MESSAGES,
        )

    def get_allowed_origins(self) -> Sequence[str]:
        return mcp_settings.ALLOWED_ORIGINS if self.allowed_origins is None else self.allowed_origins

    def get_page(self) -> PagePolicy:
        return cast(PagePolicy, mcp_settings.PAGE) if self.page is None else self.page


def _asks_for_a_model(permission: Any) -> bool:
    return isinstance(permission, type) and issubclass(permission, DjangoModelPermissions)
