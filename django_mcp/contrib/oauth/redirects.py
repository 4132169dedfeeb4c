"""Redirect URIs: https, the user's own machine, or an app."""

from typing import Final
from urllib.parse import urlsplit

LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


def is_safe(uri: str) -> bool:
    """Whether a redirect URI protects a code on its way: not http to another machine, and no URI that browsers parse
    differently. The settings decide which schemes of apps are allowed.
    """
    if not (uri.isascii() and uri.isprintable()) or " " in uri or "\\" in uri:
        return False
    try:
        parts = urlsplit(uri)
        host = parts.hostname
    except ValueError:
        return False
    if "@" in parts.netloc:
        return False
    if parts.scheme in ("http", "https"):
        return bool(host) and (parts.scheme == "https" or host in LOOPBACK)
    return bool(parts.scheme)
