"""A cache in front of the session table, where `MCP_SESSION_CACHE` names one of CACHES: for a database that is far away
or busy.

The table stays the truth. An entry is kept for seconds, so that whatever goes past this module (SQL by hand, a cache
that was away) is noticed as soon; what the package itself changes is noticed at once, by every process that shares the
cache. Knows keys and entries, and nothing of what is in them.
"""

import hashlib
import logging
import threading
from typing import Any, Final

from django.core.cache import BaseCache, caches
from django.core.signals import setting_changed

from django_mcp.conf import mcp_settings

logger = logging.getLogger("django_mcp")

_ASK_THE_TABLE: Final = "ask"
"""In the place of an entry: the row has changed. A reader that has the old row still in hand cannot put it there, since
an entry is only put where nothing is.
"""


def is_used() -> bool:
    return bool(mcp_settings.SESSION_CACHE)


def find(session_id: str) -> Any:
    """The entry of a session; None when the table is to be asked."""
    try:
        entry = _cache().get(_key(session_id))
    except Exception as error:
        _complain(error)
        return None
    return None if entry == _ASK_THE_TABLE else entry


def keep(session_id: str, entry: Any, seconds: float) -> None:
    """Keeps what was just read from the table."""
    try:
        _cache().add(_key(session_id), entry, seconds)
    except Exception as error:
        _complain(error)


def forget(session_id: str, seconds: float) -> None:
    """Before a row is changed: for as long as an entry would be kept, the table is asked."""
    if not is_used():
        return
    try:
        _cache().set(_key(session_id), _ASK_THE_TABLE, seconds)
    except Exception as error:
        _complain(error)


def _cache() -> BaseCache:
    """This thread's own. `caches` has one for each request, and so a connection to Redis that is made anew for each."""
    alias = mcp_settings.SESSION_CACHE
    kept: tuple[str, BaseCache] | None = getattr(_kept, "cache", None)
    if kept is None or kept[0] != alias:
        kept = _kept.cache = (alias, caches.create_connection(alias))
    return kept[1]


def _forget_connections(*, setting: str, **kwargs: Any) -> None:
    """A test has other caches for a while."""
    global _kept
    if setting == "CACHES":
        _kept = threading.local()


_kept = threading.local()
setting_changed.connect(_forget_connections, dispatch_uid="django_mcp.session_cache")


def _key(session_id: str) -> str:
    # Whoever reads the cache's keys must not be able to use the sessions.
    return f"django_mcp.session.{hashlib.sha256(session_id.encode()).hexdigest()}"


def _complain(error: Exception) -> None:
    logger.warning("The session cache %r does not answer: %r", mcp_settings.SESSION_CACHE, error)
