"""Where an answer to a client may be sent: to https, to the user's own machine, or to an app."""

from typing import Final
from urllib.parse import urlsplit

LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


def is_safe(uri: str) -> bool:
    """Whether a redirect keeps a code secret on its way: not over http to another machine, nor to one that browsers
    read out of it differently. Which schemes of apps there are is the settings' to say.
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
