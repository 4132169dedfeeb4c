"""Observers of calls: they hear that a `tools/call`, `resources/read`, `prompts/get` or `completion/complete` starts,
and how it has ended, in every lane and era, in batches, and also when it is refused.

Without an observer, a call costs one truth test more. The audit, telemetry and logs stand on this module; it knows none
of them.
"""

import logging
import os
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from django_mcp.protocol import modern

if TYPE_CHECKING:
    from django_mcp.primitives.context import Caller, Principal, Session

__all__ = ["OBSERVED_METHODS", "CallOutcome", "ObservedCall", "Observer", "observe", "stop_observing"]

logger = logging.getLogger("django_mcp")

OBSERVED_METHODS: Final = frozenset({"tools/call", "resources/read", "prompts/get", "completion/complete"})

CallOutcome: TypeAlias = Literal[
    "ok",
    "dry_run",
    "input_required",
    "tool_error",
    "invalid",
    "unknown",
    "forbidden",
    "throttled",
    "over_budget",
    "cancelled",
    "failed",
]
"""How a call ended. `tool_error`: the function reported an error to the model. `invalid`: the message, its session or
its arguments break a rule. `unknown`: there is no such primitive. `failed`: an unexpected exception.
"""


class Observer:
    """The base class of observers.

    `started` and `finished` run where the call runs, which may be an event loop: they must not block. With `blocks`,
    `finished` runs in a thread, may query the database, and the answer leaves after it. With `counts_queries`, the
    queries and rows of each call are counted. With `surrounds`, the function of the call runs inside `around`. An
    exception of an observer is logged, and cannot fail a call.
    """

    blocks: bool = False
    counts_queries: bool = False
    surrounds: bool = False

    def started(self, call: "ObservedCall") -> None:
        """A call was read, its caller is admitted, and its session is resumed."""

    def finished(self, call: "ObservedCall") -> None:
        """The call has ended: its outcome is known, and its answer has not been sent."""

    def around(self, call: "ObservedCall") -> AbstractContextManager[object]:
        """A context manager around the call's function, in its thread, or in its task on the event loop: once for each
        time that the function runs. It hears of no exception.
        """
        return nullcontext()


observing: Final[list[Observer]] = []
"""The observers. Changed in place, so that a call tests the same list for truth."""

blocking: Final[list[Observer]] = []
"""Those of them that block."""

counting: Final[list[Observer]] = []
"""Those of them that want queries to be counted."""

_NOTHING: Final = nullcontext()


def observe(observer: Observer) -> None:
    """Adds an observer, for the calls that start from now on. Does nothing when it has been added before."""
    if observer not in observing:
        observing.append(observer)
        if observer.blocks:
            blocking.append(observer)
        if observer.counts_queries:
            counting.append(observer)


def stop_observing(observer: Observer) -> None:
    """Removes an observer; calls that it saw start still tell it when they finish."""
    for observers in (observing, blocking, counting):
        if observer in observers:
            observers.remove(observer)


@dataclass(slots=True, eq=False)
class ObservedCall:
    """A call as its observers see it. All after `queries` is known when it has finished.

    `arguments` are those that the client sent, unchecked: the variables of the URI for a resource, `argument` and
    `context` for a completion. `name` is that of the tool or prompt, or the URI. `primitive` is the declared tool,
    resource or prompt, where the name is known. `key` is the same in all rounds of a modern client's call.
    """

    method: str
    name: str
    arguments: Mapping[str, Any]
    server: str
    path: str
    lane: str
    era: str
    protocol_version: str
    request_id: str | int | None
    caller: "Caller"
    session: "Session | None"
    meta: Mapping[str, Any]
    headers: Mapping[str, str]
    primitive: Any = None
    stream: Any = None
    """The stream of the request while the call runs; `cancel()` of it stops a call that can be stopped."""
    key: str = field(default_factory=lambda: os.urandom(12).hex())
    round: int = 0
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    queries: int | None = None
    rows: int | None = None
    outcome: CallOutcome = "ok"
    error: BaseException | None = None
    """The exception that ended the call, until the observers have been told."""
    error_class: str = ""
    error_code: int | None = None
    """The code of the JSON-RPC error that the client gets."""
    error_text: str = ""
    """The error as the client reads it; for an unexpected exception the place where it was raised, since its own text
    may contain a secret.
    """
    body: bytes = b""
    """The JSON-RPC response."""
    notes: dict[Any, Any] = field(default_factory=dict)
    """For observers: anything that one of them keeps with the call, under itself as the key."""
    seconds: float = 0
    """From the time when the message was read to the answer."""
    blocks: bool = field(default_factory=lambda: bool(blocking))
    counts_queries: bool = field(default_factory=lambda: bool(counting))
    _began: float = field(default_factory=time.perf_counter)
    _observers: tuple[Observer, ...] = field(default_factory=lambda: tuple(observing))
    _open: list[None] = field(default_factory=lambda: [None])

    @property
    def principal(self) -> "Principal":
        return self.caller.principal

    @property
    def client_info(self) -> Mapping[str, Any]:
        """The client's own claims: its name and version."""
        if self.era == "modern":
            return modern.client_info(self.meta)
        return self.session.client_info if self.session is not None else {}

    @property
    def traceparent(self) -> str:
        """The trace context of the client (W3C): that in `_meta`, else the header."""
        named = self.meta.get("traceparent")
        return named if isinstance(named, str) else self.headers.get("traceparent", "")

    def around(self) -> AbstractContextManager[object]:
        """A context manager for the function of the call."""
        surrounding = [observer for observer in self._observers if observer.surrounds]
        return _Around(self, surrounding) if surrounding else _NOTHING

    def start(self) -> None:
        """Tells the observers that the call starts."""
        for observer in self._observers:
            self._tell(observer.started)

    def finish(self, outcome: CallOutcome, body: bytes = b"", text: str = "") -> None:
        """Tells the observers that the call has finished. Only the first time counts: a call may end in its thread
        while its task is cancelled.
        """
        try:
            self._open.pop()
        except IndexError:
            return
        self.seconds = time.perf_counter() - self._began
        self.outcome, self.body, self.error_text = outcome, body, text
        self.error_class = type(self.error).__name__ if self.error is not None else ""
        for observer in self._observers:
            self._tell(observer.finished)
        # An observer may keep the call. The stream would keep the request's id in use, and the error its frames.
        self.stream = self.error = None

    def _tell(self, receive: Callable[["ObservedCall"], None]) -> None:
        try:
            receive(self)
        except Exception:
            logger.exception("An observer of calls failed: %s", receive)


class _Around:
    """The context managers of the observers that surround a call; none of them can fail it."""

    __slots__ = ("_call", "_entered", "_observers")

    def __init__(self, call: ObservedCall, observers: list[Observer]) -> None:
        self._call = call
        self._observers = observers
        self._entered: list[AbstractContextManager[object]] = []

    def __enter__(self) -> None:
        for observer in self._observers:
            self._call._tell(lambda call, observer=observer: self._enter(observer))  # type: ignore[misc]

    def _enter(self, observer: Observer) -> None:
        manager = observer.around(self._call)
        manager.__enter__()
        self._entered.append(manager)

    def __exit__(self, *error: object) -> None:
        while self._entered:
            manager = self._entered.pop()
            self._call._tell(lambda call, manager=manager: manager.__exit__(None, None, None))  # type: ignore[misc]
