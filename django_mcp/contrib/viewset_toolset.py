"""DRF's viewsets and views as tools, with the whole life of a DRF request: permissions, throttles, filters, pagination,
versioning, serializers. The views and their HTTP responses do not change.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Final

from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest
from rest_framework.views import APIView
from rest_framework.viewsets import ViewSetMixin

from django_mcp.primitives.access import Permission
from django_mcp.primitives.context import Caller, Principal
from django_mcp.primitives.schemas import Schema
from django_mcp.primitives.toolsets import Toolset, as_function

from .declared import require_class, require_names
from .names import noun_of, plural, snake
from .view_arguments import lookup_of
from .view_route import Route

_METHODS: Final = {
    "list": "get",
    "retrieve": "get",
    "create": "post",
    "update": "put",
    "partial_update": "patch",
    "destroy": "delete",
}
_DETAIL: Final = ("retrieve", "update", "partial_update", "destroy")
_VERBS: Final = {"retrieve": "get", "partial_update": "update", "destroy": "delete", "update": "replace"}
"""The verbs in the names of tools, as for `ModelToolset`. DRF's partial update is "update", and its full update
"replace".
"""


class _ViewTools(Toolset):
    """The base of tools from viewsets and from single views.

    `request_attributes` are set on the view's request, as the project's middleware or router would.
    """

    version: ClassVar[str | None] = None
    url_arguments: ClassVar[Sequence[str]] = ()
    request_attributes: ClassVar[Mapping[str, Any]] = {}

    @classmethod
    def _function(cls, route: Route) -> tuple[Callable[..., Any], dict[str, Any]]:
        def method(self: _ViewTools, /, **arguments: Any) -> Any:
            return route.call(self.ctx, arguments)

        method.__name__, method.__qualname__ = route.name, f"{cls.__qualname__}.{route.name}"
        method.__module__ = cls.__module__
        method.__doc__ = route.description
        return as_function(cls, method), cls._options(route)

    @classmethod
    def _options(cls, route: Route) -> dict[str, Any]:
        option = cls.permission
        permissions = list(option) if isinstance(option, list | tuple | set) else [] if option is None else [option]
        return {
            "name": f"{cls.prefix}{route.name}",
            "describe": route.describe,
            "read_only": route.method in ("get", "head", "options"),
            "destructive": True if route.method in ("put", "patch", "delete") else None,
            "idempotent": True if route.method == "put" else None,
            "permission": [*permissions, _permission_of(route)],
            "scopes": cls.scopes,
        }


class ViewSetToolset(_ViewTools):
    """Tools from a viewset: one for each of its `actions` that is named, including its `@action` methods.

    The arguments are those of the action: the lookup, the fields of its serializer, the parameters of its filters and
    its paginator. `arguments` adds, by action, those that the view reads itself: `{"list": {"status": {"type":
    "string"}}}`; for an `@action` with a body, they replace the serializer's. `names` gives an action another name than
    `list_airports`; `url_arguments` are the variables of a nested router's URL; `version` is the API version that the
    viewset sees, if it has a versioning scheme.

    For a viewset whose methods have other names, `actions` maps each method to an action of DRF: `{"listing_view":
    "list", "detail_view": "retrieve"}`.
    """

    viewset: ClassVar[type[ViewSetMixin]]
    actions: ClassVar[Sequence[str] | Mapping[str, str]] = ("list", "retrieve")
    names: ClassVar[Mapping[str, str]] = {}
    arguments: ClassVar[Mapping[str, Mapping[str, Schema]]] = {}

    @classmethod
    def tools(cls) -> Iterator[tuple[Callable[..., Any], dict[str, Any]]]:
        """The function of each action and its options, then those of the methods that the subclass adds."""
        require_class(cls, "viewset", ViewSetMixin)
        require_names(cls, "actions")
        extra = {action.__name__: action for action in cls.viewset.get_extra_actions()}
        cls._check_arguments()
        for name in cls.actions:
            yield cls._function(cls._extra(name, extra[name]) if name in extra else cls._standard(name))
        yield from super().tools()

    @classmethod
    def _check_arguments(cls) -> None:
        for name, by_name in cls.arguments.items():
            if name not in cls.actions or not all(isinstance(schema, Mapping) for schema in by_name.values()):
                raise ImproperlyConfigured(
                    f"{cls.__qualname__}: arguments are by action, each with its JSON Schema: "
                    f'{{"{next(iter(cls.actions), "list")}": {{"status": {{"type": "string"}}}}}}, not {{{name!r}: …}}.'
                )

    @classmethod
    def _standard(cls, name: str) -> Route:
        """The route to one of DRF's actions, or to a method that `actions` maps to one."""
        action = cls.actions[name] if isinstance(cls.actions, Mapping) else name
        if action not in _METHODS or not hasattr(cls.viewset, name):
            raise ImproperlyConfigured(
                f"{cls.__qualname__}: {cls.viewset.__name__} has no action {name!r}.{_way(cls, name)}"
            )
        noun, detail = _noun(cls.viewset), action in _DETAIL
        called = f"list_{plural(noun)}" if action == "list" else f"{_VERBS.get(action, action)}_{noun}"
        return cls._route(name, called, _METHODS[action], name, detail, {}, is_list=action == "list")

    @classmethod
    def _extra(cls, name: str, action: Any) -> Route:
        method, handler = next(iter(action.mapping.items()))
        is_list = method == "get" and not action.detail
        called = f"{_noun(cls.viewset)}_{name}"
        options, only = dict(action.kwargs), name in cls.arguments
        return cls._route(name, called, method, handler, action.detail, options, is_list=is_list, only=only)

    @classmethod
    def _route(
        cls, name: str, called: str, method: str, handler: str, detail: bool, options: dict[str, Any], **more: Any
    ) -> Route:
        return Route(
            label=f"{cls.__qualname__}.{name}",
            name=cls.names.get(name) or called,
            view=cls.viewset,
            method=method,
            action=handler,
            # The keyword arguments that a router passes.
            options={**options, "detail": detail, "basename": _noun(cls.viewset)},
            in_url=(*cls.url_arguments, *([lookup_of(cls.viewset)] if detail else [])),
            arguments=cls.arguments.get(name),
            attributes=cls.request_attributes,
            version=cls.version,
            **more,
        )


class ViewToolset(_ViewTools):
    """Tools from a DRF view that is not a viewset: one for each of its `methods`, with the fields of its serializer and
    the parameters of its URL (`url_arguments`) as arguments.

    For a view that parses the body itself, `arguments` declares names and their JSON Schemas.
    """

    view: ClassVar[type[APIView]]
    methods: ClassVar[Sequence[str]] = ("get",)
    names: ClassVar[Mapping[str, str]] = {}
    arguments: ClassVar[Mapping[str, Schema]] = {}

    @classmethod
    def tools(cls) -> Iterator[tuple[Callable[..., Any], dict[str, Any]]]:
        """The function of each method and its options, then those of the methods that the subclass adds."""
        require_class(cls, "view", APIView)
        require_names(cls, "methods")
        for method in cls.methods:
            if not hasattr(cls.view, method):
                raise ImproperlyConfigured(f"{cls.__qualname__}: {cls.view.__name__} has no method {method!r}.")
            yield cls._function(
                Route(
                    label=f"{cls.__qualname__}.{method}",
                    name=cls.names.get(method) or f"{method}_{snake(cls.view.__name__.removesuffix('View'))}",
                    view=cls.view,
                    method=method,
                    is_list=method == "get" and lookup_of(cls.view) not in cls.url_arguments,
                    in_url=cls.url_arguments,
                    arguments=cls.arguments,
                    attributes=cls.request_attributes,
                    version=cls.version,
                )
            )
        yield from super().tools()


def _permission_of(route: Route) -> Permission:
    class ViewPermission:
        """Hides a tool from callers whom its view would refuse."""

        def has_permission(self, request: HttpRequest, view: Any) -> bool:
            known = getattr(request, "auth", None), getattr(request, "successful_authenticator", None)
            return route.admits(Caller(Principal("", request.user), lambda: request, *known))

    return ViewPermission


def _way(toolset: type[ViewSetToolset], name: str) -> str:
    """The remedy for a method that is not an action."""
    if isinstance(toolset.actions, Mapping):
        return f" It is to be like one of {', '.join(_METHODS)}: actions = {{{name!r}: 'list'}}."
    if not callable(getattr(toolset.viewset, name, None)):
        return ""
    return f" If its URLs lead to that method, say which action it is like: actions = {{{name!r}: 'list'}}."


def _noun(view: Any) -> str:
    model = getattr(getattr(view, "queryset", None), "model", None) or getattr(view, "model", None)
    return noun_of(model) if model is not None else snake(view.__name__.removesuffix("ViewSet"))
