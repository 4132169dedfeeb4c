"""DRF's request for a caller whom the endpoint has authenticated. Permissions, throttles, serializers and views of the
project's API get it.
"""

from copy import copy
from typing import Any

from rest_framework.authentication import BaseAuthentication
from rest_framework.request import ForcedAuthentication, Request

from django_mcp.primitives.context import Caller


def request_of(caller: Caller) -> Request:
    """A DRF request whose `user`, `auth` and `successful_authenticator` are the caller's."""
    known = known_authenticator(caller.user, caller.credential, caller.authenticator)
    return Request(caller.get_request(), authenticators=[known])


def known_authenticator(user: Any, credential: Any, authenticator: Any) -> BaseAuthentication:
    """An authenticator that returns this user and credential. Its class is that of the authenticator that found the
    caller, because permissions check it: those of django-oauth-toolkit would take a token for a session otherwise, and
    check no scope.
    """
    if authenticator is None:
        return ForcedAuthentication(user, credential)  # type: ignore[return-value]
    known: BaseAuthentication = copy(authenticator)
    known.authenticate = lambda request: (user, credential)  # type: ignore[method-assign]
    return known
