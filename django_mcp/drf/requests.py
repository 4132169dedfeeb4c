"""DRF's request for a caller whom the endpoint has authenticated: permissions, throttles, serializers and views that
are not the endpoint's own decide by it.
"""

from copy import copy
from typing import Any

from rest_framework.authentication import BaseAuthentication
from rest_framework.request import ForcedAuthentication, Request

from django_mcp.primitives.context import Caller


def request_of(caller: Caller) -> Request:
    """The request of a call, whose `user`, `auth` and `successful_authenticator` are the caller's."""
    known = known_authenticator(caller.user, caller.credential, caller.authenticator)
    return Request(caller.get_request(), authenticators=[known])


def known_authenticator(user: Any, credential: Any, authenticator: Any) -> BaseAuthentication:
    """An authenticator that knows its answer. It is of the class of the one that found the caller, since permissions
    ask for that: django-oauth-toolkit's take a token for a session otherwise, and ask for no scope.
    """
    if authenticator is None:
        return ForcedAuthentication(user, credential)  # type: ignore[return-value]
    known: BaseAuthentication = copy(authenticator)
    known.authenticate = lambda request: (user, credential)  # type: ignore[method-assign]
    return known
