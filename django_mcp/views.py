"""`MCPView`: an endpoint as a class-based view, behind the project's middleware and DRF's policies."""

from collections.abc import Callable
from functools import cache, partial
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.db import connections
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.cache import patch_vary_headers
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request

from django_mcp import authentication, gates
from django_mcp.conf import mcp_settings
from django_mcp.endpoint import cors, hooks, origins, protected_resource
from django_mcp.endpoint.django_http import read_body, read_headers, to_response, to_stream
from django_mcp.endpoint.exchange import Exchange
from django_mcp.endpoint.failures import log_failure
from django_mcp.endpoint.options import EndpointOptions, check_options
from django_mcp.endpoint.posts import answer_post
from django_mcp.endpoint.request_stream import RequestStream
from django_mcp.endpoint.routes import Route
from django_mcp.execution.under_test import under_test
from django_mcp.page import answer, looking, people
from django_mcp.primitives.context import Caller
from django_mcp.protocol import inbound, replies
from django_mcp.protocol.headers import Headers, are_too_large
from django_mcp.protocol.replies import JSON_TYPE, Reply

ALLOW = "GET, POST, DELETE"


class Refused(Exception):
    """Carries a reply out of DRF's dispatch."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


class MCPView(EndpointOptions):
    """The endpoint of a server: POST and DELETE, under WSGI or ASGI. GET is 405, because only the ASGI lane has
    streams.

    The attributes (see `EndpointOptions`) are also arguments of `as_view()`. The lanes read the same attributes and
    call the same hooks of admission, so a subclass changes all of them. If a subclass overrides any other method of
    DRF, only this view serves it: the lanes pass its requests to Django, and a system check reports it.
    """

    _is_persons = False
    """Whether this request is of the page for people, so that Django's session says who calls."""

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Any:
        check_options(cls, initkwargs)
        view = super().as_view(**initkwargs)
        # Django's LoginRequiredMiddleware would redirect to a page; the policies here answer 401.
        view.login_required = False  # type: ignore[attr-defined]
        # The lane recognises an endpoint by this attribute. A decorator copies it to another function, so a decorated
        # view is left to Django, where the decorator runs.
        view.mcp_view = view  # type: ignore[attr-defined]
        # As in the lane, each tool is atomic by itself. With ATOMIC_REQUESTS, the whole request would hold locks that a
        # tool in its own thread waits for.
        view._non_atomic_requests = set(connections)  # type: ignore[attr-defined]
        return view

    def refuse_unheard(self, headers: Headers) -> Reply | None:
        """The refusal of a request because of its headers' size, host or origin, before anything else is read."""
        if are_too_large(headers, mcp_settings.MAX_HEADER_BYTES):
            return replies.HEADERS_TOO_LARGE
        return origins.refuse_foreign(headers, self.get_allowed_origins())

    def preflight(self, headers: Headers) -> Reply | None:
        """The reply to a browser's preflight request, which comes unauthenticated."""
        return cors.preflight(headers, self.get_allowed_origins())

    def point_to_metadata(self, reply: Reply, request: HttpRequest) -> Reply:
        """The reply, with the URL of the endpoint's metadata if it asks for scopes."""
        if not (reply.scopes and self.get_authorization_servers(request)):
            return reply
        challenge = protected_resource.challenge(
            self, request, error="insufficient_scope", scope=" ".join(reply.scopes)
        )
        return reply.with_header("WWW-Authenticate", challenge)

    @property
    def configures_itself(self) -> bool:
        """Whether the class overrides a method of its configuration: see `Overrides`."""
        return hooks.overrides_of(type(self), MCPView).configures_itself

    def is_open(self) -> bool:
        """Whether every caller is admitted: there are no policies, and no overridden hooks."""
        overrides = hooks.overrides_of(type(self), MCPView)
        if self._is_persons or overrides.asks_itself or hooks.was_given_hooks(self):
            return False
        if overrides.chooses_policies:
            return not (self.get_authenticators() or self.get_permissions() or self.get_throttles())
        return not self._has_policies()

    def anonymous_caller(self, get_request: Callable[[], HttpRequest]) -> Caller:
        """The caller of an endpoint that is open."""
        return authentication.anonymous_caller(get_request)

    def admit(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Caller | Reply:
        """The caller of a request, or its refusal. Calls every hook that DRF calls before its handler; for the
        lanes.
        """
        try:
            self._prepare(request, *args, **kwargs)
            self.initial(self.request, *args, **kwargs)
            return authentication.caller_of(self.request)
        except Refused as refused:
            return refused.reply
        except Exception as error:
            return self._refusal_of(error, request)

    def count_one_more(self, request: HttpRequest) -> Reply | None:
        """Counts another message of an admitted caller for the throttles, and returns the refusal when there are too
        many.
        """
        try:
            self.check_throttles(self.request)
        except Exception as error:
            return self._refusal_of(error, request)
        return None

    def _refusal_of(self, error: Exception, request: HttpRequest) -> Reply:
        refusal = authentication.refuse(error, self, request)
        if refusal is None:
            raise error
        return refusal

    def recognise(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Caller | None:
        """The caller of a request that was admitted before, if it is still admitted. Not counted by throttles."""
        try:
            self._prepare(request, *args, **kwargs)
            self.perform_authentication(self.request)
            if self._is_persons and people.is_over(self.get_page(), request):
                return None
            self.check_permissions(self.request)
            return authentication.caller_of(self.request)
        except Exception as error:
            if authentication.refuse(error, self, request) is None:
                raise
            return None

    def _prepare(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        self.setup(request, *args, **kwargs)
        self.format_kwarg = None
        self.request = self.initialize_request(request, *args, **kwargs)

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        made = super().initialize_request(request, *args, **kwargs)
        if self._is_persons:
            made.authenticators = (people.PersonAuthentication(),)
        return made

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """DRF's dispatch. It is skipped where there are no policies and no overridden hooks: it would do nothing, and
        cost as much as the rest of the request.
        """
        try:
            self._is_persons = self._is_of_page(request)
            if self._is_persons and (answered := self._answer_person(request, *args, **kwargs)) is not None:
                return answered
        except Exception as error:
            return self._to_failure(error, request)
        if self._is_persons or self._has_own_hooks() or not self.is_open():
            return super().dispatch(request, *args, **kwargs)
        headers = read_headers(request)
        try:
            response = self._answer(request, headers)
        except Exception as error:
            response = self._to_failure(error, request)
        return self._with_cors(response, headers)

    def _is_of_page(self, request: HttpRequest) -> bool:
        """Whether a request is of the page for people, and of somebody who may see it."""
        if request.method == "POST" and people.META_KEY not in request.META:
            return False  # As all POSTs of MCP clients, whose headers are not read for this.
        method, headers = str(request.method), read_headers(request)
        if not (people.opens_page(method, headers) or people.calls_from_page(method, headers)):
            return False
        return self._refuse(method, headers) is None and people.may_see(self.get_page(), request)

    def serve_person(self) -> None:
        """Takes Django's session for the credential of the next request: it is of the page for people."""
        self._is_persons = True

    def _answer_person(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse | None:
        """The page, or the answer that lets a person in to a stream of the lane; `None` for calls."""
        method, headers = str(request.method), read_headers(request)
        if people.opens_page(method, headers):
            people.note_shown(request)
            return self._show_page(request, *args, **kwargs)
        if looking.KEY in request.GET:
            return to_response(looking.LOOKS_ALONE)
        if not (people.opens_stream(method, headers) and people.has_streams(request)):
            return None
        if self.recognise(request, *args, **kwargs) is None:
            return None  # DRF's dispatch says why.
        people.note_shown(request)
        return HttpResponse(status=204)

    def _show_page(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        seen = looking.look(request)
        caller = None if seen.request is None else self.recognise(seen.request, *args, **kwargs)
        server = self.get_server()
        if caller is not None and gates.gates and gates.refusal_of(server.name, caller.principal) is not None:
            caller = None
        return answer.respond(self, server, caller, seen, request)

    def _has_own_hooks(self) -> bool:
        own_methods = self.http_method_names is not MCPView.http_method_names
        return own_methods or hooks.overrides_of(type(self), MCPView).asks_itself

    def _answer(self, request: HttpRequest, headers: Headers) -> HttpResponseBase:
        if refusal := self._refuse(str(request.method), headers):
            return to_response(refusal)
        caller = self.anonymous_caller(lambda: _as_anonymous(request))
        match request.method:
            case "POST":
                return self._post(request, headers, caller)
            case "GET":
                return self._get(headers, caller)
        return self._delete(headers, caller)

    def _refuse(self, method: str, headers: Headers) -> Reply | None:
        """The reply that needs no authentication: a refusal or a preflight, or `None`."""
        if refusal := self.refuse_unheard(headers):
            return refusal
        if method == "OPTIONS" and (answer := self.preflight(headers)):
            return answer
        return None if method.lower() in self.http_method_names else replies.method_not_allowed(ALLOW)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        if refusal := self._refuse(str(request.method), read_headers(request._request)):
            raise Refused(refusal)
        super().initial(request, *args, **kwargs)

    def perform_authentication(self, request: Request) -> None:
        super().perform_authentication(request)
        user = request.user
        if user.is_authenticated and not getattr(user, "is_active", True) and under_test().user is None:
            # Not every authenticator checks this: django-oauth-toolkit's does not.
            raise AuthenticationFailed("The user is not active.")

    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[BaseRenderer, str]:
        # The protocol defines what a POST or GET must accept, so DRF's renderers are not asked.
        return JSONRenderer(), JSON_TYPE

    def post(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return self._post(request._request, read_headers(request._request), authentication.caller_of(request))

    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        return self._get(read_headers(request._request), authentication.caller_of(request))

    def delete(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        return self._delete(read_headers(request._request), authentication.caller_of(request))

    def _post(self, request: HttpRequest, headers: Headers, caller: Caller) -> HttpResponseBase:
        limits = self.get_limits()
        try:
            body = read_body(request, headers, limits.body_bytes)
        except TimeoutError:
            return to_response(replies.TOO_SLOW)
        message = inbound.read(headers, body, limits, self.eras)
        answer = answer_post(message, partial(self._exchange_of, request, caller))
        if not isinstance(answer, Reply):
            return to_stream(answer, request)
        return to_response(self.point_to_metadata(answer, request))

    def _exchange_of(self, request: HttpRequest, caller: Caller, stream: RequestStream | None) -> Exchange:
        streams = people.has_streams(request)
        return self._exchange(caller, stream, lambda: self._count(request), request.path, streams=streams)

    def _count(self, request: HttpRequest) -> Reply | None:
        return None if self.is_open() else self.count_one_more(request)

    def _get(self, headers: Headers, caller: Caller) -> HttpResponse:
        return to_response(self._exchange(caller).refuse_stream(headers, allow="POST, DELETE"))

    def _delete(self, headers: Headers, caller: Caller) -> HttpResponse:
        return to_response(self._exchange(caller).terminate(headers))

    def handle_exception(self, exc: Exception) -> HttpResponseBase:  # type: ignore[override]
        return to_response(exc.reply) if isinstance(exc, Refused) else self._to_failure(exc, self.request._request)

    def _to_failure(self, error: Exception, request: HttpRequest) -> HttpResponse:
        reply = authentication.refuse(error, self, request)
        if reply is None:
            log_failure(error)
            reply = replies.INTERNAL
        return to_response(reply)

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        return self._with_cors(response, read_headers(self.request._request))

    def _with_cors(self, response: HttpResponseBase, headers: Headers) -> HttpResponseBase:
        for name, value in cors.headers_for(headers, self.get_allowed_origins()):
            if name == "Vary":
                patch_vary_headers(response, [value])
            else:
                response[name] = value
        return response

    @property
    def default_response_headers(self) -> dict[str, str]:
        return {}

    def _exchange(
        self,
        caller: Caller,
        stream: RequestStream | None = None,
        count: Callable[[], Reply | None] | None = None,
        path: str = "",
        *,
        streams: bool = False,
    ) -> Exchange:
        return Exchange(
            self.get_server(), self.get_sessions(), caller, stream=stream, streams=streams, count=count, path=path
        )


def _as_anonymous(request: HttpRequest) -> HttpRequest:
    request.user = AnonymousUser()
    return request


def serves(route: Route) -> bool:
    """Whether a lane can serve an endpoint's class; otherwise Django does."""
    return _is_served(route.callback)


@cache
def _is_served(callback: Any) -> bool:
    return not hooks.left_to_django(callback.view_class, MCPView, callback.view_initkwargs)
