"""Host and Origin checks: the hosts that the project serves, and the origins that it trusts.

They protect against DNS rebinding, where a web page in a user's browser talks to a server on the user's machine or
network. So they come before anything else of a request is read.
"""

from collections.abc import Sequence
from functools import lru_cache
from urllib.parse import urlsplit

from django.conf import settings
from django.http.request import split_domain_port, validate_host

from django_mcp.protocol import replies
from django_mcp.protocol.headers import Headers
from django_mcp.protocol.replies import Reply

_DEFAULT_PORTS = {"http": "80", "https": "443"}
LOCAL_HOSTS = (".localhost", "127.0.0.1", "[::1]")


def refuse_foreign(headers: Headers, allowed_origins: Sequence[str]) -> Reply | None:
    """The refusal (403) of a foreign `Host` or `Origin`, or `None`.

    A host is accepted if `ALLOWED_HOSTS` has it. An origin is accepted if it is the requested host, is named in
    `ALLOWED_HOSTS`, or is one of `allowed_origins` (`scheme://host[:port]`); only browsers send one.
    """
    host = headers.get("host")
    if settings.USE_X_FORWARDED_HOST:
        host = headers.get("x-forwarded-host", host)
    allowed_hosts = settings.ALLOWED_HOSTS or (LOCAL_HOSTS if settings.DEBUG else ())
    if host is not None and not _is_allowed(host, tuple(allowed_hosts)):
        return replies.refusal(403, "Forbidden: Invalid Host header")
    origin = headers.get("origin")
    if origin is not None and not _is_trusted(origin, host, tuple(allowed_hosts), tuple(allowed_origins)):
        return replies.refusal(403, "Forbidden: Invalid Origin header")
    return None


@lru_cache(maxsize=256)
def _is_allowed(host: str, allowed_hosts: tuple[str, ...]) -> bool:
    domain, _port = split_domain_port(host)
    return bool(domain) and validate_host(domain, allowed_hosts)


@lru_cache(maxsize=256)
def _is_trusted(
    origin: str, host: str | None, allowed_hosts: tuple[str, ...], allowed_origins: tuple[str, ...]
) -> bool:
    if origin in allowed_origins:
        return True
    try:
        parts = urlsplit(origin)
        scheme, authority = parts.scheme, parts.netloc.lower()
    except ValueError:
        return False
    if scheme not in _DEFAULT_PORTS or origin.lower() != f"{scheme}://{authority}" or "@" in authority:
        return False
    if host is not None and _without_port(authority, scheme) == _without_port(host.lower(), scheme):
        return True
    # "*" allows any Host header, but not pages of any site.
    named = tuple(pattern for pattern in allowed_hosts if pattern != "*")
    domain, _port = split_domain_port(authority)
    return bool(domain) and validate_host(domain, named)


def _without_port(authority: str, scheme: str) -> str:
    return authority.removesuffix(f":{_DEFAULT_PORTS[scheme]}")
