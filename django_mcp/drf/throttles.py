"""Limits on the calls of a tool, by DRF's throttles: so many of one caller in so much time."""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from django.core.exceptions import ImproperlyConfigured
from rest_framework.request import Request
from rest_framework.settings import api_settings
from rest_framework.throttling import SimpleRateThrottle

from django_mcp.primitives.context import Caller

from .requests import request_of

Throttle = Callable[[Caller], float | None]
"""How many seconds a caller must wait; `None` when a call may go ahead, and is counted."""


def throttle_of(given: Any, name: str) -> Throttle:
    """The throttle that an option says: a rate ("10/minute"), or a class with DRF's `allow_request` and `wait`."""
    if isinstance(given, str):
        throttle_class: Any = type("ToolThrottle", (_ToolThrottle,), {"rate": given, "scope": f"mcp_{name}"})
        try:
            throttle_class()
        except (ValueError, KeyError, IndexError) as error:
            raise ImproperlyConfigured(f"Tool {name!r}: {given!r} is no rate; write '10/minute'.") from error
    elif isinstance(given, type) and callable(getattr(given, "allow_request", None)):
        throttle_class = given
    else:
        raise ImproperlyConfigured(f"Tool {name!r}: throttle is a rate ('10/minute') or a throttle class of DRF's.")

    def wait(caller: Caller) -> float | None:
        throttle = throttle_class()
        if isinstance(throttle, _ToolThrottle):
            throttle.account = caller.principal.account
        if throttle.allow_request(request_of(caller), None):
            return None
        return float(throttle.wait() or 60)

    return wait


class AddressThrottle(SimpleRateThrottle):
    """A throttle of DRF's that tells strangers apart by the address of the peer.

    DRF believes X-Forwarded-For, which a caller writes as it likes, until NUM_PROXIES says how many of its entries are
    the project's own proxies'.
    """

    def get_ident(self, request: Any) -> str:
        if api_settings.NUM_PROXIES is None:
            return str(request.META.get("REMOTE_ADDR") or "")
        return str(super().get_ident(request))


class _ToolThrottle(AddressThrottle):
    account = ""

    def get_cache_key(self, request: Request, view: Any) -> str:
        ident = quote(self.account) or self.get_ident(request)
        return str(self.cache_format % {"scope": self.scope, "ident": ident})
