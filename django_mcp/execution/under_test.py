"""The only hook for tests in production code. The test client sets here the user that it calls as, the answers to
tools' questions, and that calls run in its own thread, so that they see its transaction.

Only `django_mcp.testing` sets it. A request cannot, because it is neither a header nor part of a scope.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class UnderTest:
    """A call of the test client. `user` is used instead of the endpoint's authenticators; `answer` is a function of a
    `Question`.

    `caller_waits`: a test's thread waits for an event loop, and sync work runs in that thread.
    """

    user: Any = None
    answer: Callable[[Any], Any] | None = None
    caller_waits: bool = False


_current: ContextVar[UnderTest | None] = ContextVar("under_test", default=None)

NO_TEST = UnderTest()


def under_test() -> UnderTest:
    """The test client's call; `NO_TEST` outside of tests."""
    return _current.get() or NO_TEST


@contextmanager
def calling(**members: Any) -> Iterator[None]:
    """Sets members for the calls inside; the others keep their values."""
    token = _current.set(replace(under_test(), **members))
    try:
        yield
    finally:
        _current.reset(token)
