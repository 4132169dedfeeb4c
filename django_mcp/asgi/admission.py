"""Admission of open streams: checks again whether the client is admitted, and which resources it may read.

A token can be revoked, a user deactivated, a permission removed. Each check makes a new request from the connection's
scope, which the server keeps anyway, so that streams keep no request.
"""

import copy
import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any
from weakref import WeakValueDictionary

from django.contrib.auth.models import AnonymousUser
from django.core.handlers.asgi import ASGIRequest
from django.db import Error as DatabaseError

from django_mcp import gates
from django_mcp.authentication import anonymous_caller
from django_mcp.primitives.context import Caller, Principal
from django_mcp.server import MCPServer
from django_mcp.storage.sessions import auth_hash
from django_mcp.views import MCPView

logger = logging.getLogger("django_mcp")


@dataclass(frozen=True, slots=True)
class Admission:
    """The caller of an admitted stream of a server. The methods are synchronous, and may query the database, except
    `is_refused`. The principal is kept without its user, for which a stream has no room.
    """

    view: MCPView
    kwargs: dict[str, Any]
    scope: Any
    server: MCPServer
    principal: Principal
    auth_hash: str

    @classmethod
    def of(cls, view: MCPView, kwargs: dict[str, Any], scope: Any, server: MCPServer, caller: Caller) -> "Admission":
        known = caller.principal
        principal = Principal(known.key, AnonymousUser(), known.client_id, token_id=known.token_id)
        return cls(_unused(view), kwargs, scope, server, principal, auth_hash(caller.user))

    def is_refused(self) -> bool:
        """Whether a gate refuses the caller now. Asks memory alone."""
        return gates.refusal_of(self.server.name, self.principal) is not None

    def holds(self) -> bool:
        """Whether the same request would be admitted again as the same caller. A database error does not close the
        stream: the check is repeated later.
        """
        try:
            return self._recognise() is not None
        except DatabaseError as failure:
            logger.warning("Asking whether the client of a stream is still admitted failed: %r", failure)
            return True
        except Exception:
            logger.exception("Asking whether the client of a stream is still admitted failed; the stream is closed")
            return False

    def unreadable(self, uris: Collection[str]) -> set[str]:
        """Those of the resources that the caller may not read now. Resources without access rules are not checked."""
        guarded = {uri: access for uri in uris if (access := self.server.registry.access_to(uri)) is not None}
        if not guarded:
            return set()
        try:
            caller = self._recognise()
            return {uri for uri, access in guarded.items() if caller is None or not access.admits(caller)}
        except DatabaseError:
            raise
        except Exception:
            logger.exception("Checking which resources a stream's client may read failed; it gets no updates of them")
            return set(guarded)

    def payload(self, notification: str, value: str) -> Mapping[str, Any] | None:
        """The parameters of an extension's notification; `None` if the caller may not have it any more."""
        owned = self.server.tables.notifications.get(notification)
        try:
            caller = self._recognise() if owned is not None else None
            return owned.key.payload(value, caller) if owned is not None and caller is not None else None
        except DatabaseError:
            raise
        except Exception:
            logger.exception("Making the notification %s failed; the client does not get it", notification)
            return None

    def _recognise(self) -> Caller | None:
        if gates.gates and self.is_refused():
            return None
        request = ASGIRequest(self.scope, BytesIO())
        request.user = AnonymousUser()
        # A view is for one request only.
        view = copy.copy(self.view)
        if view.is_open():
            return anonymous_caller(lambda: request)
        now = view.recognise(request, **self.kwargs)
        if now is None or now.principal.key != self.principal.key or auth_hash(now.user) != self.auth_hash:
            return None
        return now


def _unused(view: MCPView) -> MCPView:
    """A fresh copy of the view, with its arguments from the URLconf. Django accepts only names of class attributes
    there. All streams of an endpoint share it.
    """
    cls = type(view)
    arguments = {name: value for name, value in vars(view).items() if hasattr(cls, name)}
    # The view keeps these objects alive, so their ids stay unique.
    key = (cls, *((name, id(value)) for name, value in arguments.items()))
    return _views.setdefault(key, cls(**arguments))


_views: WeakValueDictionary[tuple[Any, ...], MCPView] = WeakValueDictionary()
