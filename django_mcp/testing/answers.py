"""Answers of a test to the questions of tools, as plain values: `{"elicit": {"dish": "soup"}}`."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

KINDS: Final = {
    "elicitation/create": ("elicit", "elicitation"),
    "sampling/createMessage": ("sample", "sampling"),
    "roots/list": ("roots", "roots"),
}
"""For each method of a question: its key in `answers`, and the capability that a client needs for it."""

ACTIONS: Final = ("accept", "decline", "cancel")


class Answers:
    """The answers by key: `elicit`, `sample` and `roots`. Raises `ValueError` for another key.

    `elicit`: the values of the form as a dict, a dataclass or a pydantic model; or `"decline"`, `"cancel"`, or
    `"accept"` for a page. `sample`: text, a content block or several in a dict's `content`, or the whole result as a
    dict. `roots`: URIs, `Path`s, or dicts. A list of answers is used up one by one, but for `roots`, which is a list
    itself. A function is called with the parameters of the question, and returns such a value. An exception is raised
    where the tool asks: `ClientRefused("…")` or `ClientTimeout("…")`, in the handshake era.
    """

    def __init__(self, given: Mapping[str, Any]) -> None:
        known = [key for key, _ in KINDS.values()]
        if unknown := [key for key in given if key not in known]:
            raise ValueError(f"answers= has {unknown[0]!r}; its keys are {', '.join(known)}.")
        self._given = dict(given)
        self._turns: dict[str, Iterator[Any]] = {
            key: iter(value) for key, value in given.items() if key != "roots" and isinstance(value, list)
        }

    def __bool__(self) -> bool:
        return bool(self._given)

    def capabilities(self) -> dict[str, Any]:
        return {capability: {} for key, capability in KINDS.values() if key in self._given}

    def to(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """The result that a client sends. Raises `AssertionError` if there is no answer, or none any more."""
        key, _ = KINDS.get(method, (method, ""))
        if key not in self._given:
            raise AssertionError(f"The server sent {method}, and answers= has no {key!r}.")
        value = self._next(key)
        if callable(value) and not isinstance(value, type):
            value = value(params)
        if isinstance(value, BaseException):
            raise value
        return _TO_WIRE[key](value)

    def _next(self, key: str) -> Any:
        if key not in self._turns:
            return self._given[key]
        try:
            return next(self._turns[key])
        except StopIteration:
            asked = len(self._given[key])
            raise AssertionError(f"The server asked again, and answers[{key!r}] has {asked} answers.") from None


def _elicited(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        if value not in ACTIONS:
            raise ValueError(f"An answer to a form is a dict, or one of {', '.join(ACTIONS)}: not {value!r}.")
        return {"action": value}
    return {"action": "accept", "content": _values(value)}


def _values(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True)
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value


def _sampled(value: Any) -> dict[str, Any]:
    whole = {"role": "assistant", "model": "test", "stopReason": "endTurn"}
    if isinstance(value, str):
        return {**whole, "content": {"type": "text", "text": value}}
    return {**whole, **value} if "content" in value else {**whole, "content": value}


def _listed(value: Any) -> dict[str, Any]:
    return {"roots": [root if isinstance(root, Mapping) else {"uri": _uri(root)} for root in value]}


def _uri(root: str | Path) -> str:
    return root.as_uri() if isinstance(root, Path) else root


_TO_WIRE: Final[dict[str, Callable[[Any], dict[str, Any]]]] = {
    "elicit": _elicited,
    "sample": _sampled,
    "roots": _listed,
}
