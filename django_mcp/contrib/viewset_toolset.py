"""DRF's viewsets and views as tools, with the whole life of a DRF request: permissions, throttles, filters, pagination,
versioning, serializers. The views themselves are not changed, and nor is what they answer to HTTP.
"""

import inspect
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Final

from django.core.exceptions import FieldDoesNotExist, ImproperlyConfigured
from django.http import HttpRequest
from pydantic import WithJsonSchema
from rest_framework.parsers import JSONParser
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.encoders import JSONEncoder
from rest_framework.views import APIView
from rest_framework.viewsets import ViewSetMixin

from django_mcp.drf.requests import known_authenticator
from django_mcp.drf.schemas import Unreadable, explain, fields_of, property_of
from django_mcp.primitives.access import Permission
from django_mcp.primitives.content import ToolResult
from django_mcp.primitives.context import Caller, Context
from django_mcp.primitives.schemas import Schema
from django_mcp.primitives.tools import ToolError
from django_mcp.primitives.toolsets import Toolset, as_function

from . import filtersets
from .described import described

Parameters = dict[str, tuple[Schema, bool]]
"""The arguments of a tool: each with its schema, and whether it must be given."""

_METHODS: Final = {
    "list": "get",
    "retrieve": "get",
    "create": "post",
    "update": "put",
    "partial_update": "patch",
    "destroy": "delete",
}
_DETAIL: Final = ("retrieve", "update", "partial_update", "destroy")
_BODIES: Final = ("post", "put", "patch")
_VERBS: Final = {"retrieve": "get", "partial_update": "change", "destroy": "delete", "update": "replace"}


class _ViewTools(Toolset):
    """What the tools of viewsets and of single views have in common."""

    version: ClassVar[str | None] = None

    @classmethod
    def _function(cls, route: "_Route") -> tuple[Callable[..., Any], dict[str, Any]]:
        def method(self: _ViewTools, **arguments: Any) -> Any:
            return route.call(self.ctx, arguments)

        method.__name__, method.__qualname__ = route.name, f"{cls.__qualname__}.{route.name}"
        method.__module__ = cls.__module__
        method.__doc__ = route.description
        parameters = {
            name: (Annotated[Any, WithJsonSchema(schema)], ... if required else None)
            for name, (schema, required) in route.parameters().items()
        }
        return as_function(cls, described(method, parameters, Any)), cls._options(route)

    @classmethod
    def _options(cls, route: "_Route") -> dict[str, Any]:
        own = cls.permission
        several: list[Any] = list(own) if isinstance(own, list | tuple | set) else [] if own is None else [own]
        return {
            "name": f"{cls.prefix}{route.name}",
            "read_only": route.method in ("get", "head", "options"),
            "destructive": True if route.method in ("put", "patch", "delete") else None,
            "idempotent": True if route.method == "put" else None,
            "permission": [*several, _permission_of(route)],
            "scopes": cls.scopes,
        }


class ViewSetToolset(_ViewTools):
    """Tools on a viewset: one for each of its `actions` that is named, `@action`s too.

    Arguments are what the action takes: the lookup, the fields of its serializer, the parameters of its filters and its
    paginator. `names` gives an action another name than `list_airports`; `version` is the one that the viewset sees,
    where it has a versioning scheme.
    """

    viewset: ClassVar[type[ViewSetMixin]]
    actions: ClassVar[Sequence[str]] = ("list", "retrieve")
    names: ClassVar[Mapping[str, str]] = {}

    @classmethod
    def tools(cls) -> Iterator[tuple[Callable[..., Any], dict[str, Any]]]:
        """The function of each action and its options, then those of the methods that the subclass adds."""
        extra = {action.__name__: action for action in cls.viewset.get_extra_actions()}
        for name in cls.actions:
            if not hasattr(cls.viewset, name) or (name not in _METHODS and name not in extra):
                raise ImproperlyConfigured(f"{cls.__qualname__}: {cls.viewset.__name__} has no action {name!r}.")
            yield cls._function(cls._route(name, extra.get(name)))
        yield from super().tools()

    @classmethod
    def _route(cls, action: str, extra: Any) -> "_Route":
        view: Any = cls.viewset
        method, handler = (_METHODS[action], action) if extra is None else next(iter(extra.mapping.items()))
        options = {} if extra is None else dict(extra.kwargs)
        detail = action in _DETAIL if extra is None else extra.detail
        # What a router passes on.
        options |= {"detail": detail, "basename": _noun(view)}
        return _Route(
            label=f"{cls.__qualname__}.{action}",
            name=cls.names.get(action) or _tool_name(view, action, detail, is_extra=extra is not None),
            view=view,
            method=method,
            action=handler,
            detail=detail,
            options=options,
            version=cls.version,
        )


class ViewToolset(_ViewTools):
    """Tools on a DRF view that is no viewset: one for each of its `methods`, whose arguments are the fields of its
    serializer and the parameters of its URL (`url_arguments`).

    A view that parses by itself says with `arguments`, names and their JSON Schemas, what it takes.
    """

    view: ClassVar[type[APIView]]
    methods: ClassVar[Sequence[str]] = ("get",)
    names: ClassVar[Mapping[str, str]] = {}
    url_arguments: ClassVar[Sequence[str]] = ()
    arguments: ClassVar[Mapping[str, Schema]] = {}

    @classmethod
    def tools(cls) -> Iterator[tuple[Callable[..., Any], dict[str, Any]]]:
        """The function of each method and its options, then those of the methods that the subclass adds."""
        for method in cls.methods:
            if not hasattr(cls.view, method):
                raise ImproperlyConfigured(f"{cls.__qualname__}: {cls.view.__name__} has no method {method!r}.")
            name = cls.names.get(method) or f"{method}_{_snake(cls.view.__name__.removesuffix('View'))}"
            yield cls._function(
                _Route(
                    label=f"{cls.__qualname__}.{method}",
                    name=name,
                    view=cls.view,
                    method=method,
                    url_arguments=cls.url_arguments,
                    given=cls.arguments,
                    version=cls.version,
                )
            )
        yield from super().tools()


class _Route:
    """One way into a view: how DRF's router or a URLconf would come to it, and what it takes."""

    def __init__(
        self,
        *,
        label: str,
        name: str,
        view: Any,
        method: str,
        action: str = "",
        detail: bool = False,
        options: Mapping[str, Any] | None = None,
        url_arguments: Sequence[str] = (),
        given: Mapping[str, Schema] | None = None,
        version: str | None = None,
    ) -> None:
        self.label = label
        self.name = name
        self.view_class = view
        self.method = method
        self.action = action
        self._detail = detail
        self._given = dict(given or {})
        self._options: dict[str, Any] = {
            **(options or {}),
            "parser_classes": [JSONParser],
            "renderer_classes": [JSONRenderer],
        }
        if version is not None:
            self._options["versioning_class"] = _fixed(view.versioning_class, version, label)
        lookup = str(getattr(view, "lookup_url_kwarg", None) or getattr(view, "lookup_field", "pk"))
        self._in_url: tuple[str, ...] = (*url_arguments, *([lookup] if detail else []))

    @property
    def description(self) -> str:
        """The docstring of the handler, else of the view; else what the action does."""
        handler = getattr(self.view_class, self.action or self.method)
        own = handler.__doc__ if handler.__module__ == self.view_class.__module__ else None
        text = own or vars(self.view_class).get("__doc__") or ""
        return inspect.cleandoc(text) or self.name.replace("_", " ").capitalize() + "."

    def parameters(self) -> Parameters:
        """What the tool takes. Raises `ImproperlyConfigured` for what cannot be told."""
        view = self._bare_view()
        found: Parameters = {name: (self._lookup_schema(view), True) for name in self._in_url}
        found |= {name: (schema, False) for name, schema in self._given.items()}
        taken = self._body(view) if self.method in _BODIES else self._query(view)
        if both := found.keys() & taken.keys():
            raise ImproperlyConfigured(f"{self.label}: {', '.join(sorted(both))} would be in the URL and in the body.")
        return {**found, **taken}

    def call(self, ctx: Context, arguments: Mapping[str, Any]) -> Any:
        """What the view answers. Raises `ToolError` for what it answers with an error status."""
        # A URL holds text.
        in_url = {name: str(arguments[name]) for name in self._in_url}
        given = {name: value for name, value in arguments.items() if name not in in_url}
        response = self._as_view(ctx.caller)(self._request(ctx, given), **in_url)
        if not isinstance(response, Response):
            return _text_of(response)
        data = json.loads(json.dumps(response.data, cls=JSONEncoder))
        if response.status_code >= 400:
            raise ToolError("\n".join(_lines(data)) or f"Refused with status {response.status_code}.")
        return ToolResult(structured=data) if data is not None else "Done."

    def admits(self, request: HttpRequest) -> bool:
        """Whether the view's permissions let a user in, before they look at any object."""
        view = self._bare_view()
        known = getattr(request, "auth", None), getattr(request, "successful_authenticator", None)
        view.request = Request(request, authenticators=[known_authenticator(request.user, *known)])
        view.request.method = self.method.upper()
        return all(permission.has_permission(view.request, view) for permission in view.get_permissions())

    def _as_view(self, caller: Caller) -> Any:
        # The endpoint has authenticated the caller already, and the view is to see by what.
        known = known_authenticator(caller.user, caller.credential, caller.authenticator)
        options = {**self._options, "get_authenticators": lambda: [known]}
        if self.action:
            return self.view_class.as_view({self.method: self.action}, **options)
        return self.view_class.as_view(**options)

    def _request(self, ctx: Context, given: Mapping[str, Any]) -> HttpRequest:
        original = ctx.request
        request = HttpRequest()
        request.method = self.method.upper()
        request.path = request.path_info = original.path
        request.META = {
            name: value for name, value in original.META.items() if name not in ("CONTENT_LENGTH", "HTTP_ACCEPT")
        }
        request.META["REQUEST_METHOD"] = request.method
        body = json.dumps(given).encode() if self.method in _BODIES else b""
        request.META |= {"CONTENT_TYPE": "application/json", "CONTENT_LENGTH": str(len(body))}
        request._body, request._read_started = body, True  # type: ignore[attr-defined]
        if self.method not in _BODIES:
            request.GET = filtersets.query_of(given)  # type: ignore[assignment]
        request.session = getattr(original, "session", {})  # type: ignore[assignment]
        return request

    def _bare_view(self) -> Any:
        """The view as its handler would find it, without a request."""
        view = self.view_class(**self._options)
        view.args, view.kwargs, view.request, view.format_kwarg = (), {}, None, None
        view.action = self.action or None
        view.action_map = {self.method: self.action}
        return view

    def _serializer(self, view: Any) -> Any:
        if not hasattr(view, "get_serializer"):
            return None
        try:
            return view.get_serializer()
        except Exception as error:
            raise ImproperlyConfigured(
                f"{self.label}: its serializer cannot be had without a request ({error!r}). Have "
                "get_serializer_class() decide by self.action, or publish a function that takes the serializer instead."
            ) from error

    def _body(self, view: Any) -> Parameters:
        serializer = self._serializer(view)
        if serializer is None:
            return {}
        try:
            return {
                name: (property_of(field, "input"), field.required and self.method != "patch")
                for name, field in fields_of(serializer, "input").items()
            }
        except Unreadable as error:
            raise ImproperlyConfigured(f"{self.label}: {error}.") from error

    def _query(self, view: Any) -> Parameters:
        """The query parameters of a list: what its filters and its paginator say that they read."""
        if self._detail or self.method != "get" or not hasattr(view, "filter_queryset"):
            return {}
        readers = [backend() for backend in view.filter_backends]
        if view.paginator is not None:
            readers.append(view.paginator)
        found: Parameters = {}
        for reader in readers:
            if hasattr(reader, "get_filterset_class"):
                # Described here: django-filter stopped describing itself.
                found |= filtersets.schemas_of(reader.get_filterset_class(view, view.get_queryset()))
            elif hasattr(reader, "get_schema_operation_parameters"):
                for entry in reader.get_schema_operation_parameters(view):
                    found[entry["name"]] = (_described(entry), bool(entry.get("required")))
        return found

    def _lookup_schema(self, view: Any) -> Schema:
        model = getattr(getattr(view, "queryset", None), "model", None)
        name = getattr(view, "lookup_field", "pk")
        try:
            field = model._meta.pk if name == "pk" else model._meta.get_field(name)  # type: ignore[union-attr]
        except (AttributeError, FieldDoesNotExist):
            return {"type": "string"}
        whole = "Integer" in field.get_internal_type() or "AutoField" in field.get_internal_type()
        return {"type": "integer"} if whole else {"type": "string"}


def _permission_of(route: _Route) -> Permission:
    class ViewPermission:
        """Hides a tool from whom its view would turn away."""

        def has_permission(self, request: HttpRequest, view: Any) -> bool:
            return route.admits(request)

    return ViewPermission


def _fixed(scheme: Any, version: str, label: str) -> Any:
    if scheme is None:
        raise ImproperlyConfigured(f"{label}: version is {version!r}, and the view has no versioning scheme.")

    class Fixed(scheme):  # type: ignore[misc]
        def determine_version(self, request: Any, *args: Any, **kwargs: Any) -> str:
            return version

    return Fixed


def _described(entry: Mapping[str, Any]) -> Schema:
    schema: Schema = dict(entry.get("schema", {"type": "string"}))
    text = str(entry.get("description") or "")
    return {**schema, "description": text} if text else schema


def _lines(data: Any) -> list[str]:
    if isinstance(data, Mapping) and set(data) == {"detail"}:
        return [str(data["detail"])]
    return explain(data)


def _text_of(response: Any) -> str:
    if getattr(response, "streaming", False):
        raise ToolError("The view answers with a file, which a tool cannot hand on.")
    text: str = response.content.decode(response.charset or "utf-8", "replace")
    if response.status_code >= 400:
        raise ToolError(text or f"Refused with status {response.status_code}.")
    return text


def _tool_name(view: Any, action: str, detail: bool, *, is_extra: bool) -> str:
    noun = _noun(view)
    if is_extra:
        return f"{noun}_{action}"
    return f"list_{noun}s" if action == "list" else f"{_VERBS.get(action, action)}_{noun}"


def _noun(view: Any) -> str:
    model = getattr(getattr(view, "queryset", None), "model", None)
    name = model.__name__ if model is not None else view.__name__.removesuffix("ViewSet")
    return _snake(name)


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")
