"""The one seam for tests in the code that serves: the test client says here as which user it calls, what answers the
questions of tools, and that calls run in its own thread, so that they see its transaction.

`django_mcp.testing` alone sets it. No request can: it is no header and no part of a scope.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class UnderTest:
    """A call of the test client. `user` is past the endpoint's authenticators; `answer` takes a `Question`.

    `caller_waits`: a thread of a test waits for an event loop, and its calls run in that thread.
    """

    user: Any = None
    answer: Callable[[Any], Any] | None = None
    caller_waits: bool = False


_current: ContextVar[UnderTest | None] = ContextVar("under_test", default=None)

NO_TEST = UnderTest()


def under_test() -> UnderTest:
    """How the test client calls; without one, nothing of it."""
    return _current.get() or NO_TEST


@contextmanager
def calling(**members: Any) -> Iterator[None]:
    """Calls in such a way for a while; members that are not given stay as they are."""
    token = _current.set(replace(under_test(), **members))
    try:
        yield
    finally:
        _current.reset(token)
