"""Replicas for read-only calls: a database router, and the marker that such a call is running."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any, Final

from django.db.models import Model

from django_mcp.conf import mcp_settings

_reading: Final[ContextVar[bool]] = ContextVar("django_mcp_reading", default=False)


class ReplicaRouter:
    """A router for DATABASE_ROUTERS: the queries of a `read_only=True` tool go to MCP_READ_ONLY_DATABASE.

    All other queries are left to the routers that follow, and so are those on the package's own tables: a session that
    was opened a moment ago may not have reached the replica yet.
    """

    def db_for_read(self, model: type[Model], **hints: Any) -> str | None:
        if not _reading.get() or model._meta.app_label == "django_mcp":
            return None
        return mcp_settings.READ_ONLY_DATABASE or None


def reading(is_read_only: bool) -> AbstractContextManager[None]:
    """Marks a call as read-only or not, while it runs."""
    return _reads() if is_read_only and mcp_settings.READ_ONLY_DATABASE else _NO_REPLICA


_NO_REPLICA: Final = nullcontext()


@contextmanager
def _reads() -> Iterator[None]:
    token = _reading.set(True)
    try:
        yield
    finally:
        _reading.reset(token)
