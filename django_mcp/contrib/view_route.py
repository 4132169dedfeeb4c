"""One action of a DRF view, as its router or URLconf would call it: its request, arguments, response and
permissions.
"""

import inspect
import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Final

from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.db import connections
from django.http import Http404, HttpRequest
from django.utils.translation import get_language
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import APIException
from rest_framework.parsers import JSONParser
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response
from rest_framework.utils.encoders import JSONEncoder
from rest_framework.viewsets import ViewSetMixin

from django_mcp.drf.requests import known_authenticator
from django_mcp.primitives.content import ToolResult
from django_mcp.primitives.context import Caller, Context, Principal
from django_mcp.primitives.errors import lines_of
from django_mcp.primitives.schemas import Schema
from django_mcp.primitives.tools import NotDescribed, ToolError

from . import filtersets, view_arguments
from .page_links import with_arguments
from .view_arguments import Parameters

logger = logging.getLogger("django_mcp")

BODIES: Final = ("post", "put", "patch")
"""The methods whose arguments are in the body; those of the others are in the query string."""

_UNHELD: Final = ("CONTENT_LENGTH", "HTTP_ACCEPT")
"""Headers of the message to the endpoint that do not apply to the request to the view."""
_SERVERS_OWN: Final = ("environ", "scope")


class Route:
    """An action of a viewset, or a method of a view.

    `arguments` are declared by the toolset, because the view reads them itself; with `only`, the view reads no other
    body. `attributes` are set on its request, as the project's middleware or router would.
    """

    def __init__(
        self,
        *,
        label: str,
        name: str,
        view: Any,
        method: str,
        action: str = "",
        is_list: bool = False,
        options: Mapping[str, Any] | None = None,
        in_url: Sequence[str] = (),
        arguments: Mapping[str, Schema] | None = None,
        only: bool = False,
        attributes: Mapping[str, Any] | None = None,
        version: str | None = None,
    ) -> None:
        self.label = label
        self.name = name
        self.method = method
        self.view_class = view
        self._action = action
        self._is_list = is_list
        self._in_url = tuple(in_url)
        self._arguments = dict(arguments or {})
        self._only = only
        self._attributes = dict(attributes or {})
        self._options: dict[str, Any] = {
            **(options or {}),
            "parser_classes": [JSONParser],
            "renderer_classes": [JSONRenderer],
        }
        if version is not None:
            self._options["versioning_class"] = _fixed(view.versioning_class, version, label)
        self._kept: dict[str, Schema] = {}

    @property
    def description(self) -> str:
        """The docstring of the handler; else a text from the tool's name, and the docstring of the view. An action of
        a viewset shares that docstring with the others, so it needs a text of its own.
        """
        handler = getattr(self.view_class, self._action or self.method)
        docstring = handler.__doc__ if handler.__module__ == self.view_class.__module__ else None
        if docstring:
            return inspect.cleandoc(docstring)
        shared = inspect.cleandoc(vars(self.view_class).get("__doc__") or "")
        if shared and not issubclass(self.view_class, ViewSetMixin):
            return shared
        own = self.name.replace("_", " ").capitalize() + "."
        return f"{own}\n\n{shared}" if shared else own

    def describe(self, caller: Caller | None) -> Schema:
        """The schema of the arguments, for a caller or, as DRF makes its own schemas, for nobody.

        It is cached for each language if making it read nothing of the caller and made no query; otherwise it is made
        each time. Raises `NotDescribed`, and `ImproperlyConfigured` for arguments that cannot be described at all.
        """
        language = get_language() or ""
        if language not in self._kept:
            who = caller or _nobody()
            request = self._request(who, {}, _Noting)
            with _noting_queries() as queries:
                schema = view_arguments.as_schema(self._parameters(self._described_view(request, who)))
            if request.was_asked or queries:
                return schema
            self._kept[language] = schema
        return self._kept[language]

    def call(self, ctx: Context, arguments: Mapping[str, Any]) -> Any:
        """The data of the view's response. Raises `ToolError` for an error status."""
        # Arguments in a URL are text.
        in_url: dict[str, Any] = {name: str(arguments[name]) for name in self._in_url}
        others = {name: value for name, value in arguments.items() if name not in in_url}
        lookup = view_arguments.lookup_of(self.view_class)
        if lookup in in_url and issubclass(self.view_class, ViewSetMixin):
            in_url[lookup] = view_arguments.lookup_value(self.view_class, in_url[lookup])
        request = self._request(ctx.caller, others)
        response = self._as_view(ctx.caller)(request, **in_url)
        if not isinstance(response, Response):
            return _text_of(response)
        data = json.loads(json.dumps(response.data, cls=JSONEncoder))
        if response.status_code >= 400:
            raise ToolError("\n".join(_lines(data)) or f"Refused with status {response.status_code}.")
        if data is None:
            return _redirect_of(response) or "Done."
        return ToolResult(structured=with_arguments(data, request, others) if self._is_list else data)

    def admits(self, caller: Caller) -> bool:
        """Whether the view's permissions admit a caller, before they check any object."""
        try:
            view = self._view(self._request(caller, {}), _known(caller))
            # Permissions may read a view's queryset only to find its model.
            view.swagger_fake_view = True
            return all(permission.has_permission(view.request, view) for permission in view.get_permissions())
        except (APIException, PermissionDenied, Http404):
            return False
        except Exception as error:
            # A call would fail too, and the other tools must stay listed.
            logger.error("%s: its permissions cannot be asked, so the tool is left out", self.label, exc_info=error)
            return False

    def _request(self, caller: Caller, arguments: Mapping[str, Any], kind: type[HttpRequest] = HttpRequest) -> Any:
        """The view's request: the caller's, with these arguments in its body or its query string."""
        original = caller.get_request()
        request: Any = kind()
        request.method = self.method.upper()
        request.path = request.path_info = original.path
        request.META = {name: value for name, value in original.META.items() if name not in _UNHELD}
        request.META["REQUEST_METHOD"] = request.method
        body = json.dumps(arguments).encode() if self.method in BODIES else b""
        request.META |= {"CONTENT_TYPE": "application/json", "CONTENT_LENGTH": str(len(body))}
        request._body, request._read_started = body, True
        # The view may read these arguments from its query string, with any method.
        in_query = self._arguments if self.method in BODIES else arguments
        request.GET = filtersets.query_of({name: arguments[name] for name in in_query if name in arguments})
        # Paginators build their links from this.
        request.META["QUERY_STRING"] = request.GET.urlencode()
        request.session, request.user = getattr(original, "session", {}), caller.user
        for name, value in (_added(original, request) | self._attributes).items():
            setattr(request, name, value)
        return request

    def _as_view(self, caller: Caller) -> Any:
        known = _known(caller)
        options = {**self._options, "get_authenticators": lambda: [known]}
        if self._action:
            return self.view_class.as_view({self.method: self._action}, **options)
        return self.view_class.as_view(**options)

    def _view(self, request: HttpRequest, known: BaseAuthentication) -> Any:
        """The view in its state before its checks run."""
        view = self.view_class(**self._options)
        view.get_authenticators = lambda: [known]
        view.args, view.kwargs, view.format_kwarg, view.headers = (), {}, None, {}
        view.action_map, view.action = {self.method: self._action}, self._action or None
        view.request = view.initialize_request(request)
        view.request.accepted_renderer, view.request.accepted_media_type = JSONRenderer(), "application/json"
        try:
            view.request.version, view.request.versioning_scheme = view.determine_version(view.request)
        except APIException:
            # The call reports the error in DRF's words.
            view.request.version = view.request.versioning_scheme = None
        return view

    def _described_view(self, request: "_Noting", caller: Caller) -> Any:
        known = _known(caller)
        known.authenticate = lambda _: (request.user, caller.credential)  # type: ignore[method-assign, assignment]
        request.was_asked = False
        try:
            view = self._view(request, known)
        except Exception as error:
            raise self._not_described(error) from error
        # The flag of drf-yasg and drf-spectacular, which many views check before they use the request.
        view.swagger_fake_view = True
        return view

    def _parameters(self, view: Any) -> Parameters:
        try:
            in_url = view_arguments.of_url(view, self._in_url)
            declared: Parameters = {name: (schema, False) for name, schema in self._arguments.items()}
            taken = {**self._taken(view), **declared}
        except ImproperlyConfigured as error:
            raise ImproperlyConfigured(f"{self.label}: {error}") from error
        except Exception as error:
            raise self._not_described(error) from error
        if both := in_url.keys() & taken.keys():
            raise ImproperlyConfigured(f"{self.label}: {', '.join(sorted(both))} would be in the URL and in the body.")
        if "ctx" in in_url | taken:
            raise ImproperlyConfigured(f"{self.label}: an argument cannot be called ctx; publish a serializer without.")
        return {**in_url, **taken}

    def _taken(self, view: Any) -> Parameters:
        if self.method in BODIES:
            return {} if self._only else view_arguments.of_body(view, partial=self.method == "patch")
        return view_arguments.of_query(view) if self._is_list else {}

    def _not_described(self, error: Exception) -> NotDescribed:
        return NotDescribed(
            f"{self.label}: its arguments cannot be described ({error!r}). They are made with the caller's request, "
            "and in checks with that of AnonymousUser, without a body and variables of the URL. Where the view needs "
            "more, have it return before that if getattr(self, 'swagger_fake_view', False), or decide by self.action."
        )


class _Noting(HttpRequest):
    """A request that records whether something was read that differs between callers."""

    was_asked = False

    def __getattribute__(self, name: str) -> Any:
        if not name.startswith("_") and name not in _ALIKE and name in self.__dict__:
            self.__dict__["was_asked"] = True
        return super().__getattribute__(name)


_ALIKE: Final = frozenset({"method", "path", "path_info", "GET", "POST", "FILES", "resolver_match", "was_asked"}) | {
    "content_type",
    "content_params",
}
"""The attributes that are the same for all callers while a schema is made."""


@contextmanager
def _noting_queries() -> Iterator[list[str]]:
    """Yields the list of queries that this thread makes while it is active."""
    sent: list[str] = []

    def note(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        sent.append(sql)
        return execute(sql, params, many, context)

    with ExitStack() as stack:
        for connection in connections.all():
            stack.enter_context(connection.execute_wrapper(note))
        yield sent


def _known(caller: Caller) -> BaseAuthentication:
    # The endpoint has authenticated the caller; the view gets the same authenticator.
    return known_authenticator(caller.user, caller.credential, caller.authenticator)


def _nobody() -> Caller:
    bare = HttpRequest()
    bare.path = "/"
    bare.META = {"SERVER_NAME": "localhost", "SERVER_PORT": "80", "REMOTE_ADDR": "127.0.0.1"}
    return Caller(Principal("", AnonymousUser()), lambda: bare)


def _added(original: HttpRequest, request: HttpRequest) -> dict[str, Any]:
    """The attributes that the project's middleware has set on a request, such as its tenant."""
    return {
        name: value
        for name, value in vars(original).items()
        if not name.startswith("_") and not hasattr(request, name) and name not in _SERVERS_OWN
    }


def _fixed(scheme: Any, version: str, label: str) -> Any:
    if scheme is None:
        raise ImproperlyConfigured(f"{label}: version is {version!r}, and the view has no versioning scheme.")

    class Fixed(scheme):  # type: ignore[misc]
        def determine_version(self, request: Any, *args: Any, **kwargs: Any) -> str:
            return version

    return Fixed


def _lines(data: Any) -> list[str]:
    if isinstance(data, Mapping) and set(data) == {"detail"}:
        return [str(data["detail"])]
    return lines_of(data)


def _text_of(response: Any) -> str:
    if getattr(response, "streaming", False):
        raise ToolError("The view answers with a file, which a tool cannot hand on.")
    text: str = response.content.decode(response.charset or "utf-8", "replace")
    if response.status_code >= 400:
        raise ToolError(text or f"Refused with status {response.status_code}.")
    return text or _redirect_of(response)


def _redirect_of(response: Any) -> str:
    """The words for a redirect, which a tool does not follow: it may lead to a page that asks for a login."""
    is_redirect = 300 <= response.status_code < 400 and response.has_header("Location")
    return f"The view redirects to {response['Location']}." if is_redirect else ""
