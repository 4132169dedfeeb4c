"""A template as the document that hosts show: rendered without a request, without a user, and alike for everybody."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from django.template.loader import get_template

from .csp import Origins, file_origins
from .declared import App

if TYPE_CHECKING:
    from django_mcp import MCPServer

NAME: Final = "mcp_app"
"""The name of the `Rendering` in the template's context."""


@dataclass(frozen=True, slots=True)
class Rendering:
    """A template that is being rendered: the template tags note here which origins they used."""

    server: "MCPServer"
    app: App
    forms: Mapping[str, Callable[[], Any]] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Document:
    """The document of an app, and the origins that it is granted: those declared, and those of files that it uses."""

    html: str
    origins: Origins


def render(
    server: "MCPServer",
    app: App,
    forms: Mapping[str, Callable[[], Any]],
    extra: Mapping[str, Any] | None = None,
) -> Document:
    """The document of an app. `forms` are those of the server's tools, by name; `extra` is added to the context."""
    rendering = Rendering(server, app, forms)
    own = app.values() if callable(app.values) else (app.values or {})
    html = get_template(app.template).render({**own, **(extra or {}), NAME: rendering})
    used = rendering.used | {origin for origin in file_origins() if origin in html}
    return Document(str(html), granted(app, used))


def granted(app: App, used: set[str]) -> Origins:
    """The origins that an app declares, and those from which it uses files."""
    return replace(app.origins, resources=tuple(dict.fromkeys((*app.origins.resources, *sorted(used)))))
