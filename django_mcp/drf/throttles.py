"""Rate limits of a tool's calls for each caller, by DRF's throttles."""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from django.core.exceptions import ImproperlyConfigured
from rest_framework.request import Request
from rest_framework.settings import api_settings
from rest_framework.throttling import BaseThrottle, SimpleRateThrottle

from django_mcp.primitives.context import Caller

from .requests import request_of

Throttle = Callable[[Caller], float | None]
"""A function that counts a call: returns the seconds that the caller must wait, or `None` if it may proceed."""


def throttle_of(option: Any, name: str) -> Throttle:
    """The throttle of a tool's option: a rate ("10/minute"), or a class with DRF's `allow_request` and `wait`."""
    if isinstance(option, str):
        throttle_class: Any = type("ToolThrottle", (_ToolThrottle,), {"rate": option, "scope": f"mcp_{name}"})
        try:
            throttle_class()
        except (ValueError, KeyError, IndexError) as error:
            raise ImproperlyConfigured(f"Tool {name!r}: {option!r} is no rate; write '10/minute'.") from error
    elif isinstance(option, type) and callable(getattr(option, "allow_request", None)):
        throttle_class = option
    else:
        raise ImproperlyConfigured(f"Tool {name!r}: throttle is a rate ('10/minute') or a throttle class of DRF's.")

    def wait(caller: Caller) -> float | None:
        throttle = throttle_class()
        if isinstance(throttle, _ToolThrottle):
            throttle.account = caller.principal.account
        if throttle.allow_request(request_of(caller), None):
            return None
        return float(throttle.wait() or 60)

    # For the system check of its cache.
    wait.throttle_class = throttle_class  # type: ignore[attr-defined]
    return wait


class AddressThrottle(SimpleRateThrottle):
    """A DRF throttle that identifies anonymous callers by the address of the connection.

    DRF trusts X-Forwarded-For, which a caller can forge, until NUM_PROXIES says how many of its entries are from the
    project's own proxies.
    """

    def get_ident(self, request: Any) -> str:
        return address_of(request)


def address_of(request: Any) -> str:
    """The address of the connection, or the one that NUM_PROXIES tells to read in X-Forwarded-For."""
    if api_settings.NUM_PROXIES is None:
        return str(request.META.get("REMOTE_ADDR") or "")
    return str(BaseThrottle().get_ident(request))


class _ToolThrottle(AddressThrottle):
    account = ""

    def get_cache_key(self, request: Request, view: Any) -> str:
        ident = quote(self.account) or self.get_ident(request)
        return str(self.cache_format % {"scope": self.scope, "ident": ident})
