"""The endpoints of the URLconf: where they are mounted, and which of them serves a path.

Only this module walks through the URLconf. As in Django, an earlier pattern that matches the path wins.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, TypeAlias

from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.converters import DEFAULT_CONVERTERS
from django.urls.exceptions import Resolver404

KEPT_CHARACTERS: Final = 500
"""The longest path whose endpoint is remembered: anybody may ask for any path, and a server lets tens of KB pass."""

Patterns: TypeAlias = tuple[tuple[Any, dict[str, Any]], ...]


@dataclass(frozen=True, slots=True)
class Route:
    """An endpoint in the URLconf: the patterns that lead to it, outermost first, each with its arguments for the view,
    and the callback of `as_view()`.
    """

    patterns: Patterns
    callback: Any

    @property
    def path(self) -> str | None:
        """The path without its leading slash; `None` when it has variables."""
        # The endpoint's own pattern is a regular expression, for its optional slash; only the patterns above it are in
        # the path.
        path = "".join(getattr(pattern, "_route", "") for pattern, _ in self.patterns)
        return None if "<" in path else path

    @property
    def pattern(self) -> str:
        """The path for people, with variables as they are in the URLconf."""
        return "/" + "".join(getattr(pattern, "_route", "") for pattern, _ in self.patterns)

    def match(self, path: str) -> dict[str, Any] | None:
        """The keyword arguments that the view gets for a path (without its leading slash), or `None`."""
        kwargs: dict[str, Any] = {}
        for pattern, defaults in self.patterns:
            found = pattern.match(path)
            if found is None:
                return None
            path, _args, captured = found
            kwargs |= captured | defaults
        return kwargs

    @property
    def is_decorated(self) -> bool:
        """Whether a decorator is around the view: the callback is then another function, which Django must call."""
        return self.callback.mcp_view is not self.callback

    def view(self) -> Any:
        """A new view, for one request."""
        return self.callback.mcp_view.view_class(**self.callback.mcp_view.view_initkwargs)


Match: TypeAlias = tuple[Route, dict[str, Any]]
"""An endpoint, and the arguments of its view from the path."""


def routes(urlconf: str | None = None) -> tuple[Route, ...]:
    """The endpoints of a URLconf, by default the project's, in their order."""
    return _routes(get_resolver(urlconf))


def find(path: str) -> Match | None:
    """The endpoint of a path (with its leading slash), and the arguments of its view from the path."""
    # Django's root pattern is a slash.
    if not path.startswith("/"):
        return None
    resolver = get_resolver()
    is_kept = len(path) <= KEPT_CHARACTERS and _is_fixed(resolver)
    return _match_once(resolver, path[1:]) if is_kept else _match(resolver, path[1:])


def find_view(path: str) -> Any:
    """The view of the endpoint at a path, or `None`."""
    match = find(path)
    return match[0].view() if match is not None else None


def endpoint_paths() -> list[str]:
    """The paths of the endpoints without variables in their path, without the leading slash."""
    return [route.path for route in routes() if route.path is not None]


def shadowed_paths() -> Iterator[str]:
    """The paths of endpoints, each with and without a slash at its end, that an earlier pattern leads elsewhere."""
    resolver = get_resolver()
    for route in _walk(resolver.url_patterns, ()):
        if route.path is None:
            continue
        bare = route.path.rstrip("/")
        for path in filter(None, (bare, f"{bare}/" if bare else "")):
            if route.match(path) is not None and not _leads_to(resolver, path, route):
                yield f"/{path}"


def mounted_views() -> Iterator[tuple[str, Any]]:
    """All endpoints of the URLconf, decorated ones included: the path as in the URLconf, and the view. A view that
    chooses its server for each request has the one that it declares.
    """
    for route in _walk(get_resolver().url_patterns, ()):
        yield route.pattern, _without_request(route.view())


def _without_request(view: Any) -> Any:
    try:
        view.get_server()
    except (AttributeError, LookupError):
        # Its own get_server() reads the request, or the arguments from the path.
        from django_mcp import default_server

        server = view.server or default_server
        view.get_server = lambda: server
    return view


def mounted_servers() -> list[Any]:
    """The servers that have an endpoint, each once."""
    return list({id(server): server for server in (view.get_server() for _, view in mounted_views())}.values())


def _match(resolver: URLResolver, path: str) -> Match | None:
    for route in _routes(resolver):
        kwargs = route.match(path)
        if kwargs is not None:
            return (route, kwargs) if _leads_to(resolver, path, route) else None
    return None


# By the resolver, because Django makes another one when the URLs change: `clear_url_caches()`.
_match_once = lru_cache(maxsize=1024)(_match)


def _leads_to(resolver: URLResolver, path: str, route: Route) -> bool:
    """Whether Django resolves a path to this endpoint too, and no earlier pattern matches it."""
    try:
        return resolver.resolve(f"/{path}").func is route.callback
    except Resolver404:
        return False


@lru_cache(maxsize=8)
def _is_fixed(resolver: URLResolver) -> bool:
    """Whether a path leads to the same endpoint at all times: up to the last endpoint, no pattern is translated, and
    none has a converter of the project's, which may look into the database.
    """
    entries = list(_flattened(resolver.url_patterns))
    last = max((number for number, entry in enumerate(entries) if _is_endpoint(entry)), default=-1)
    return all(_is_fixed_pattern(entry.pattern) for entry in entries[: last + 1])


def _is_fixed_pattern(pattern: Any) -> bool:
    text = getattr(pattern, "_route", getattr(pattern, "_regex", None))
    return isinstance(text, str) and all(one in DEFAULT_CONVERTERS.values() for one in pattern.converters.values())


@lru_cache(maxsize=8)
def _routes(resolver: URLResolver) -> tuple[Route, ...]:
    return tuple(route for route in _walk(resolver.url_patterns, ()) if not route.is_decorated)


def _flattened(entries: Iterable[URLPattern | URLResolver]) -> Iterator[URLPattern | URLResolver]:
    for entry in entries:
        yield entry
        if isinstance(entry, URLResolver):
            yield from _flattened(entry.url_patterns)


def _is_endpoint(entry: URLPattern | URLResolver) -> bool:
    return not isinstance(entry, URLResolver) and hasattr(entry.callback, "mcp_view")


def _walk(patterns: Iterable[URLPattern | URLResolver], above: Patterns) -> Iterator[Route]:
    for entry in patterns:
        if isinstance(entry, URLResolver):
            yield from _walk(entry.url_patterns, (*above, (entry.pattern, entry.default_kwargs)))
        elif _is_endpoint(entry):
            yield Route((*above, (entry.pattern, entry.default_args)), entry.callback)
