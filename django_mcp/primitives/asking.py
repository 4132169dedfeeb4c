"""Questions to the client while a tool runs: a form or a page for the user, a completion by the client's model, its
roots.

To a handshake client, the server sends a request, and the tool waits for the response. To a modern client, the result
of the call carries the questions, and the client calls again with the answers: the function then runs again from the
top, and questions that were answered before return at once.
"""

import secrets
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Generic, TypeAlias, TypeVar

from django_mcp.exceptions import ClientCannot, ToolError
from django_mcp.protocol import modern
from django_mcp.protocol.errors import INVALID_PARAMS, ProtocolError
from django_mcp.protocol.versions import Era, is_at_least

from .content import to_messages
from .elicitation_forms import Form, InvalidAnswer, for_version, form_of

T = TypeVar("T")

MAX_ATTEMPTS: Final = 3
"""How often a user is shown a form again after invalid input."""


@dataclass(frozen=True, slots=True)
class Question:
    """A request to the client. `requires` is the capability that the client must have declared."""

    method: str
    params: dict[str, Any]
    requires: dict[str, Any]
    key: str | None = None
    timeout_seconds: float | None = None

    def to_wire(self) -> dict[str, Any]:
        return {"method": self.method, "params": self.params}


class InputRequired(BaseException):
    """Ends a call with questions to the client. Raise it, or return it; `ctx.elicit` and the like raise it for you.

    `questions` are named by keys; `ctx.answers` has the answers under the same keys when the client calls again.
    `state` is any JSON value, and is then `ctx.call_state`; it is sealed, so the client can neither read nor change it.
    It is a `BaseException` because it is no failure: a tool's `except Exception` must not catch it.
    `BaseException`, since it is no failure: a tool's own `except Exception` must let it pass.
    """

    def __init__(self, questions: Mapping[str, Question] | None = None, *, state: Any = None) -> None:
        super().__init__("The client must answer first")
        self.questions = dict(questions or {})
        self.state = state


@dataclass(slots=True)
class Inputs:
    """The earlier rounds of a call: the client's answers by key, the tool's state, and the number of rounds.

    `given` are the answers of this request; `asked` are the keys of the questions of the round before, from the sealed
    state. `nonce` names that state, so that it can be used only once; "" when there was none.
    """

    answers: Mapping[str, Any] = field(default_factory=dict)
    state: Any = None
    round: int = 0
    given: Mapping[str, Any] = field(default_factory=dict)
    asked: tuple[str, ...] = ()
    nonce: str = ""
    call: str = ""
    """The key under which observers know the call; "" when nobody observes."""
    _turn: int = 0

    def taken(self, *, only_asked: bool) -> "Inputs":
        """The same inputs with `given` moved into the answers; `only_asked` drops answers to questions that were not
        asked.
        """
        given = {key: value for key, value in self.given.items() if not only_asked or key in self.asked}
        return replace(self, answers={**self.answers, **given}, given={})

    def following(self, required: "InputRequired") -> "Inputs":
        """The inputs of the next round."""
        return Inputs(self.answers, required.state, self.round + 1, asked=tuple(required.questions), call=self.call)

    def next_key(self, question: Question) -> str:
        """The key of a question without one: its kind and number, so that it is the same when the function runs
        again.
        """
        self._turn += 1
        return question.key or f"{question.method.partition('/')[0]}-{self._turn}"


@dataclass(frozen=True, slots=True)
class Elicited(Generic[T]):
    """The user's reaction to a form or page: `action` is `accept`, `decline` or `cancel`; `data` is set when
    accepted.
    """

    action: str
    data: T | None = None

    @property
    def accepted(self) -> bool:
        return self.action == "accept"


@dataclass(frozen=True, slots=True)
class Sampled:
    """The text of the client's model. `raw` is the whole response, with its `tool_use` blocks."""

    raw: dict[str, Any]

    @property
    def content(self) -> list[dict[str, Any]]:
        content = self.raw.get("content", [])
        return content if isinstance(content, list) else [content]

    @property
    def text(self) -> str:
        return "\n".join(block.get("text", "") for block in self.content if block.get("type") == "text")

    @property
    def stop_reason(self) -> str | None:
        return self.raw.get("stopReason")


Asking: TypeAlias = Generator[Question, Any, T]
"""A conversation with the client, as a generator: it yields questions, is sent answers, and returns its result."""


def elicit(message: str, source: Any, version: str, key: str | None, timeout: float | None) -> Asking[Elicited[Any]]:
    """Shows a form until the user fills it in correctly, declines or cancels."""
    form = form_of(source)
    text = message
    for _ in range(MAX_ATTEMPTS):
        answer = yield form_question(text, form, version, key, timeout)
        action = _action(answer)
        if action != "accept":
            return Elicited(action)
        try:
            return Elicited(action, form.read(_content(answer)))
        except InvalidAnswer as error:
            text = f"{message}\n\n{error}"
            key = f"{key}-again" if key else None
    raise ToolError(f"The user's answer did not fit the form after {MAX_ATTEMPTS} attempts.")


def form_question(
    message: str, source: Any, version: str, key: str | None = None, timeout: float | None = None
) -> Question:
    form: Form = form_of(source)
    params = {"message": message, "requestedSchema": for_version(form.schema, version)}
    return Question("elicitation/create", params, {"elicitation": {"form": {}}}, key, timeout)


def elicit_url(message: str, url: str, version: str, key: str | None, timeout: float | None) -> Asking[Elicited[None]]:
    """Asks the user to open a page. `accept` means that the user agreed to open it, not that they are done with it."""
    params = {"mode": "url", "message": message, "url": url}
    if not is_at_least(version, "2026-07-28"):
        params["elicitationId"] = secrets.token_urlsafe(16)
    answer = yield Question("elicitation/create", params, {"elicitation": {"url": {}}}, key, timeout)
    return Elicited(_action(answer))


def sample(
    messages: Any, max_tokens: int, options: Mapping[str, Any], key: str | None, timeout: float | None
) -> Asking[Sampled]:
    """Lets the client's model write something."""
    answer = yield sample_question(messages, max_tokens, options, key, timeout)
    if not isinstance(answer, dict) or "content" not in answer:
        raise _malformed("a sampling result")
    return Sampled(answer)


def sample_question(
    messages: Any,
    max_tokens: int,
    options: Mapping[str, Any] | None = None,
    key: str | None = None,
    timeout: float | None = None,
) -> Question:
    wire = messages if _is_wire(messages) else to_messages(messages)
    params = {"messages": wire, "maxTokens": max_tokens} | {k: v for k, v in (options or {}).items() if v is not None}
    requires: dict[str, Any] = {"sampling": {"tools": {}} if "tools" in params else {}}
    return Question("sampling/createMessage", params, requires, key, timeout)


def list_roots(key: str | None, timeout: float | None) -> Asking[list[dict[str, Any]]]:
    """The directories that the client works in."""
    answer = yield roots_question(key, timeout)
    roots = answer.get("roots") if isinstance(answer, dict) else None
    if not isinstance(roots, list):
        raise _malformed("a list of roots")
    return roots


def roots_question(key: str | None = None, timeout: float | None = None) -> Question:
    return Question("roots/list", {}, {"roots": {}}, key, timeout)


def check_capability(question: Question, capabilities: Mapping[str, Any], era: Era) -> None:
    """Raises unless the client has declared the capability: `ProtocolError` -32021 in the modern era, else
    `ClientCannot`, which the tool may catch.
    """
    (kind, details), *_ = question.requires.items()
    declared = capabilities.get(kind)
    missing = not isinstance(declared, dict) or any(not _has(declared, detail) for detail in details)
    if not missing:
        return
    message = f"This needs a client that supports {kind}"
    if era == "modern":
        raise modern.missing_capability(question.requires, message)
    raise ClientCannot(f"{message}, and this one does not.")


def _has(declared: Mapping[str, Any], detail: str) -> bool:
    # `elicitation: {}` declares forms: it is older than the other modes.
    return detail in declared or (detail == "form" and "url" not in declared)


def _is_wire(messages: Any) -> bool:
    return (
        isinstance(messages, list)
        and bool(messages)
        and all(isinstance(item, dict) and "role" in item for item in messages)
    )


def _action(answer: Any) -> str:
    action = answer.get("action") if isinstance(answer, dict) else None
    if action not in ("accept", "decline", "cancel"):
        raise _malformed("an elicitation result")
    return str(action)


def _content(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    content = answer.get("content") or {}
    if not isinstance(content, dict):
        raise _malformed("an elicitation result")
    return content


def _malformed(expected: str) -> ProtocolError:
    return ProtocolError(INVALID_PARAMS, f"Invalid params: an input response is not {expected}")
