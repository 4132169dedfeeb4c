"""`app(…)`: a Django template as an app, and everything that its host is told of it."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Final
from urllib.parse import quote

from django.core.exceptions import ImproperlyConfigured

from django_mcp.primitives.access import Permission

from .csp import Origins, is_origin

MIME_TYPE: Final = "text/html;profile=mcp-app"
"""The type of the template's resource; hosts show no other (ext-apps 2026-01-26)."""

PERMISSIONS: Final = ("camera", "microphone", "geolocation", "clipboardWrite")
_URI: Final = re.compile(r"ui://[^\s{}]+")

Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """A template as an app; `app()` makes one. `permission` is `None` where the tools that show it decide."""

    template: str
    uri: str
    name: str
    title: str | None = None
    description: str | None = None
    origins: Origins = field(default_factory=Origins)
    permissions: tuple[str, ...] = ()
    border: bool | None = None
    domain: str | None = None
    values: Values | Callable[[], Values] | None = None
    permission: Permission | Iterable[Permission] | None = None
    scopes: tuple[str, ...] = ()

    def meta(self, origins: Origins) -> dict[str, Any]:
        """The `_meta` of its resource, with the origins that are granted to it."""
        members: dict[str, Any] = {
            "csp": origins.to_wire() or None,
            "permissions": {name: {} for name in self.permissions} or None,
            "domain": self.domain,
            "prefersBorder": self.border,
        }
        return {"ui": {key: value for key, value in members.items() if value is not None}}


def app(
    template: str,
    *,
    uri: str | None = None,
    name: str | None = None,
    title: str | None = None,
    description: str | None = None,
    connect: Iterable[str] = (),
    resources: Iterable[str] = (),
    frames: Iterable[str] = (),
    base_uris: Iterable[str] = (),
    permissions: Iterable[str] = (),
    border: bool | None = None,
    domain: str | None = None,
    context: Values | Callable[[], Values] | None = None,
    permission: Permission | Iterable[Permission] | None = None,
    scopes: Iterable[str] = (),
) -> App:
    """An app from a Django template, for `@tool(app=app("shop/orders.html", border=False))`.

    `uri` is `ui://` and the template's name without its suffix unless given. `connect`, `resources`, `frames` and
    `base_uris` are origins that the template may use, such as "https://api.example.com"; those of STATIC_URL and
    MEDIA_URL are found. `permissions` are features of the browser that are asked of the host. `context` is a mapping
    for the template, or a function that returns one: the same for everybody. Without `permission` and `scopes`, the
    template may be read by those who may call its tools. Raises `ImproperlyConfigured` with the remedy.
    """
    label = f"The app {template!r}"
    origins = Origins(
        connect=_origins(connect, "connect", label),
        resources=_origins(resources, "resources", label),
        frames=_origins(frames, "frames", label),
        base_uris=_origins(base_uris, "base_uris", label),
    )
    features = _texts(permissions, "permissions", label)
    if unknown := set(features) - set(PERMISSIONS):
        raise ImproperlyConfigured(f"{label}: permissions are of {', '.join(PERMISSIONS)}, not {min(unknown)!r}.")
    address = uri if uri is not None else uri_of(template)
    if not _URI.fullmatch(address):
        raise ImproperlyConfigured(f"{label}: its URI is {address!r}; it starts with ui:// and has no variables.")
    return App(
        template=template,
        uri=address,
        name=name or PurePosixPath(template).stem,
        title=title,
        description=description,
        origins=origins,
        permissions=features,
        border=border,
        domain=domain,
        values=context,
        permission=permission,
        scopes=_texts(scopes, "scopes", label),
    )


def uri_of(template: str) -> str:
    """The URI of a template: "shop/orders.html" is `ui://shop/orders`."""
    return f"ui://{quote(template.removesuffix(''.join(PurePosixPath(template).suffixes)))}"


def _texts(values: Iterable[str], name: str, label: str) -> tuple[str, ...]:
    if isinstance(values, str):
        raise ImproperlyConfigured(f"{label}: {name} is a list: {name}=[{values!r}].")
    return tuple(values)


def _origins(values: Iterable[str], name: str, label: str) -> tuple[str, ...]:
    for value in (texts := _texts(values, name, label)):
        if not is_origin(value):
            raise ImproperlyConfigured(
                f"{label}: {name} holds {value!r}, which is no origin; write a scheme and a host, without a path, as "
                "in 'https://api.example.com'."
            )
    return texts
