"""Gates: rules outside of the package's own that close an endpoint to a caller, or a primitive to everybody.

A gate is asked on every request and for every primitive of a list, on event loops too, so it answers from memory.
Without a gate, a request pays one truth test.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

if TYPE_CHECKING:
    from django_mcp.primitives.context import Principal

Kind: TypeAlias = Literal["tool", "resource", "prompt"]


@dataclass(frozen=True, slots=True)
class Refusal:
    """The refusal of a caller: the text that the client reads, and the HTTP status."""

    message: str
    status: int = 403


class Gate:
    """The base of a gate. `add_gate()` asks it from now on, in this process."""

    @property
    def is_ready(self) -> bool:
        """Whether the gate can answer from memory. While it cannot, it is asked in threads alone, and may query the
        database.
        """
        return True

    @property
    def may_close(self) -> bool:
        """Whether `refuse()` may close a primitive now. While it may not, lists ask nothing of the gate."""
        return True

    def refuse_caller(self, server: str, principal: "Principal") -> Refusal | None:
        """The refusal of a caller of a server; `None` admits it. For an open stream, only the key, the client and the
        token of the principal are known; its user is anonymous.
        """
        return None

    def refuse(self, server: str, kind: Kind, key: str) -> str | None:
        """The reason why nobody may use a primitive now, for the model to read; `None` when it is open. `key` is the
        name of a tool or prompt, the URI of a resource, or the URI of a template with its variables.
        """
        return None


gates: Final[list[Gate]] = []
"""The gates of this process. Read only: `add_gate()` and `remove_gate()` change it."""

_listeners: Final[list[Callable[[], None]]] = []


def add_gate(gate: Gate) -> None:
    """Asks a gate from now on. A gate that is there already is not added again."""
    if gate not in gates:
        gates.append(gate)


def remove_gate(gate: Gate) -> None:
    """Stops asking a gate."""
    if gate in gates:
        gates.remove(gate)


def gates_changed() -> None:
    """Tells the streams of this process that a gate answers differently now: those of refused callers close. From any
    thread.
    """
    for listener in _listeners:
        listener()


def when_changed(listener: Callable[[], None]) -> None:
    """Calls a function on every `gates_changed()`."""
    _listeners.append(listener)


def are_ready() -> bool:
    """Whether all gates answer from memory."""
    return all(gate.is_ready for gate in gates)


def may_close() -> bool:
    """Whether any gate may close a primitive now."""
    return any(gate.may_close for gate in gates)


def refusal_of(server: str, principal: "Principal") -> Refusal | None:
    """The first refusal of a caller."""
    return next(filter(None, (gate.refuse_caller(server, principal) for gate in gates)), None)


def reason_of(server: str, kind: Kind, key: str) -> str | None:
    """The first reason why a primitive is closed."""
    return next(filter(None, (gate.refuse(server, kind, key) for gate in gates)), None)
