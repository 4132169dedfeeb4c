"""Host and Origin checks: the hosts that the project serves, and the origins that it trusts.

They protect against DNS rebinding, where a web page in a user's browser talks to a server on the user's machine or
network. So they come before anything else of a request is read.
"""

import logging
import time
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings
from django.http.request import split_domain_port, validate_host

from django_mcp.protocol import replies
from django_mcp.protocol.headers import Headers
from django_mcp.protocol.replies import Reply

# The logger of Django's own refusal of a host, so that a project finds both in one place.
logger = logging.getLogger("django.security.DisallowedHost")

_DEFAULT_PORTS = {"http": "80", "https": "443"}
LOCAL_HOSTS = (".localhost", "127.0.0.1", "[::1]")

TOLD_PER_MINUTE: Final = 10
"""The maximum number of logged foreign hosts per minute: the first ones point to ALLOWED_HOSTS, and anybody can send
any number.
"""

TOLD_CHARACTERS: Final = 100
"""The number of characters of a foreign host that are logged."""


def refuse_foreign(headers: Headers, allowed_origins: Sequence[str]) -> Reply | None:
    """The refusal (403) of a foreign `Host` or `Origin`, or `None`.

    A host is accepted if `ALLOWED_HOSTS` has it. An origin is accepted if it is named in `ALLOWED_HOSTS`, is one of
    `allowed_origins` (`scheme://host[:port]`), or is the requested host, where that is this machine or an address. Only
    browsers send one.
    """
    host = headers.get("host")
    if settings.USE_X_FORWARDED_HOST:
        host = headers.get("x-forwarded-host", host)
    allowed_hosts = settings.ALLOWED_HOSTS or (LOCAL_HOSTS if settings.DEBUG else ())
    if host is not None and not _is_allowed(host, tuple(allowed_hosts)):
        _log_foreign(host)
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
    domain, _port = split_domain_port(authority)
    if not domain:
        return False
    # "*" allows any Host header, but not pages of any site.
    named = tuple(pattern for pattern in allowed_hosts if pattern != "*")
    is_called = host is not None and _without_port(authority, scheme) == _without_port(host.lower(), scheme)
    return validate_host(domain, named) or (is_called and _cannot_be_rebound(domain))


def _cannot_be_rebound(domain: str) -> bool:
    """Whether the host is safe from DNS rebinding, because it is an address or this machine. The owner of any other
    name may let it point here for a moment.
    """
    try:
        ip_address(domain.strip("[]"))
    except ValueError:
        return validate_host(domain, LOCAL_HOSTS)
    return True


_told_at: list[float] = []


def _log_foreign(host: str) -> None:
    """Logs a foreign host as Django does, up to the limit per minute."""
    now = time.monotonic()
    _told_at[:] = [at for at in _told_at if now - at < 60]
    if len(_told_at) < TOLD_PER_MINUTE:
        _told_at.append(now)
        domain = split_domain_port(host)[0] or host
        told = "Invalid HTTP_HOST header: %r. You may need to add %r to ALLOWED_HOSTS."
        logger.error(told, host[:TOLD_CHARACTERS], domain[:TOLD_CHARACTERS])


def _without_port(authority: str, scheme: str) -> str:
    return authority.removesuffix(f":{_DEFAULT_PORTS[scheme]}")
