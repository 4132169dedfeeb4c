"""The origins that an app may use, as hosts are told of them, and the policy that a host makes of them."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from django.conf import settings

_ORIGIN: Final = re.compile(r"(?:https?|wss?)://(?:\*\.)?[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::\d{1,5})?")

KINDS: Final = {
    "connect": "connectDomains",
    "resources": "resourceDomains",
    "frames": "frameDomains",
    "base_uris": "baseUriDomains",
}
"""The kinds of origins here and on the wire (ext-apps 2026-01-26)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origins:
    """Origins by their use: calls by script, files of the page, nested frames, and the base of relative URLs."""

    connect: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    frames: tuple[str, ...] = ()
    base_uris: tuple[str, ...] = ()

    def to_wire(self) -> dict[str, list[str]]:
        return {wire: list(own) for kind, wire in KINDS.items() if (own := getattr(self, kind))}

    def covers(self, kind: str, url: str) -> bool:
        """Whether an absolute URL may be used in a way."""
        wanted = origin_of(url)
        return any(_matches(origin, wanted) for origin in getattr(self, kind))


def read_origins(wire: Mapping[str, Any]) -> Origins:
    """The origins of a `_meta.ui.csp`. Raises `ValueError` when something in it is no origin."""
    found = {kind: wire.get(name, []) for kind, name in KINDS.items()}
    for values in found.values():
        if not isinstance(values, list) or not all(isinstance(one, str) and is_origin(one) for one in values):
            raise ValueError("Not a list of origins")
    return Origins(**{kind: tuple(values) for kind, values in found.items()})


def is_origin(text: str) -> bool:
    """Whether a text is a scheme and a host, perhaps with a port; the first label may be `*`."""
    return _ORIGIN.fullmatch(text) is not None


def origin_of(url: str) -> str:
    """The scheme, host and port of an absolute URL. A URL without a scheme is taken as https."""
    parts = urlsplit(url)
    return f"{parts.scheme or 'https'}://{parts.netloc.rpartition('@')[2]}".lower()


def is_absolute(url: str) -> bool:
    """Whether a URL names a host, with or without a scheme."""
    parts = urlsplit(url)
    return bool(parts.netloc) and parts.scheme in ("", "http", "https", "ws", "wss")


def file_origins() -> tuple[str, ...]:
    """The origins of STATIC_URL and MEDIA_URL, where these are absolute."""
    urls = (str(settings.STATIC_URL or ""), str(settings.MEDIA_URL or ""))
    return tuple(dict.fromkeys(origin_of(url) for url in urls if is_absolute(url)))


def policy(origins: Origins) -> str:
    """The `Content-Security-Policy` of a host that grants these origins and nothing else (ext-apps 2026-01-26).

    Hosts also write `'self'`. It is left out here, because no file of the project is there: a relative URL that works
    in development would lead nowhere in a conversation.
    """
    files = " ".join(origins.resources)
    directives = {
        "default-src": "'none'",
        "script-src": f"'unsafe-inline' {files}",
        "style-src": f"'unsafe-inline' {files}",
        "img-src": f"data: {files}",
        "media-src": f"data: {files}",
        "font-src": files or "'none'",
        "connect-src": _list(origins.connect),
        "frame-src": _list(origins.frames),
        "base-uri": _list(origins.base_uris),
        "object-src": "'none'",
        "form-action": "'none'",
    }
    return "; ".join(f"{name} {value.strip()}" for name, value in directives.items())


def _list(origins: Iterable[str]) -> str:
    return " ".join(origins) or "'none'"


def _matches(declared: str, wanted: str) -> bool:
    scheme, _, host = declared.lower().partition("://")
    own_scheme, _, own_host = wanted.partition("://")
    if scheme != own_scheme:
        return False
    return own_host.endswith(host[1:]) if host.startswith("*.") else own_host == host
