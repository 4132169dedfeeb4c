"""What a tool can ask of the client while it runs: a form or a page for the user, a completion of the client's model,
its roots.

A handshake client is asked by a request of the server's, and the tool waits. A modern client is asked by the result of
the call, and calls again with the answers: then the function runs again from the top, and each question that was
answered before is answered at once.
"""

import secrets
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Generic, TypeAlias, TypeVar

from django_mcp.protocol import modern
from django_mcp.protocol.errors import INVALID_PARAMS, ProtocolError
from django_mcp.protocol.versions import Era, is_at_least

from .content import to_messages
from .elicitation_forms import Form, InvalidAnswer, for_version, form_of
from .errors import ToolError

T = TypeVar("T")

MAX_ATTEMPTS: Final = 3
"""How often a user is shown a form again that was filled in wrongly."""


class ClientCannot(ToolError):
    """The client has not said that it can be asked this, or cannot be reached: the tool must do without."""


class ClientRefused(ToolError):
    """The client answered a request with an error."""


class ClientTimeout(ToolError):
    """The client did not answer in time."""


@dataclass(frozen=True, slots=True)
class Question:
    """One request to the client. `requires` is the capability that it must have declared."""

    method: str
    params: dict[str, Any]
    requires: dict[str, Any]
    key: str | None = None
    timeout_seconds: float | None = None

    def to_wire(self) -> dict[str, Any]:
        return {"method": self.method, "params": self.params}


class InputRequired(BaseException):
    """Ends a call with questions to the client. Raise it, or return it; `ctx.elicit` and its like raise it for you.

    `questions` are named by keys, under which `ctx.answers` has the answers when the client calls again; `state` is
    anything that is JSON, and is then `ctx.call_state`. The client sees neither it nor can change it. A
    `BaseException`, since it is no failure: a tool's own `except Exception` must let it pass.
    """

    def __init__(self, questions: Mapping[str, Question] | None = None, *, state: Any = None) -> None:
        super().__init__("The client must answer first")
        self.questions = dict(questions or {})
        self.state = state


@dataclass(slots=True)
class Inputs:
    """The earlier rounds of a call: the client's answers by key, the tool's own state, and how many rounds there were.

    `given` are the answers that came with this request; `asked` the keys that the sealed state of the round before
    asked for. `nonce` names that state, so that it can be spent once; "" when there was none.
    """

    answers: Mapping[str, Any] = field(default_factory=dict)
    state: Any = None
    round: int = 0
    given: Mapping[str, Any] = field(default_factory=dict)
    asked: tuple[str, ...] = ()
    nonce: str = ""
    _turn: int = 0

    def taken(self, *, only_asked: bool) -> "Inputs":
        """The same with what was given among the answers; `only_asked` leaves out answers to what was not asked."""
        given = {key: value for key, value in self.given.items() if not only_asked or key in self.asked}
        return replace(self, answers={**self.answers, **given}, given={})

    def following(self, required: "InputRequired") -> "Inputs":
        """What the next round starts from."""
        return Inputs(self.answers, required.state, self.round + 1, asked=tuple(required.questions))

    def next_key(self, question: Question) -> str:
        """The name of a question that has none: by its kind and turn, so that it is the same when the function runs
        again.
        """
        self._turn += 1
        return question.key or f"{question.method.partition('/')[0]}-{self._turn}"


@dataclass(frozen=True, slots=True)
class Elicited(Generic[T]):
    """What the user did with a form or page: `action` is `accept`, `decline` or `cancel`; `data` is there when
    accepted.
    """

    action: str
    data: T | None = None

    @property
    def accepted(self) -> bool:
        return self.action == "accept"


@dataclass(frozen=True, slots=True)
class Sampled:
    """What the client's model wrote. `raw` is the whole answer, `tool_use` blocks included."""

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
"""A conversation with the client: questions out, answers in, and at its end what came of it."""


def elicit(message: str, source: Any, version: str, key: str | None, timeout: float | None) -> Asking[Elicited[Any]]:
    """Shows a form until it is filled in rightly, declined or cancelled."""
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
    """Asks the user to open a page. `accept` says that they agreed to, not that they have done what the page is for."""
    params = {"mode": "url", "message": message, "url": url}
    if not is_at_least(version, "2026-07-28"):
        params["elicitationId"] = secrets.token_urlsafe(16)
    answer = yield Question("elicitation/create", params, {"elicitation": {"url": {}}}, key, timeout)
    return Elicited(_action(answer))


def sample(
    messages: Any, max_tokens: int, options: Mapping[str, Any], key: str | None, timeout: float | None
) -> Asking[Sampled]:
    """Has the client's model write something."""
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
    """Raises unless the client has said that it can answer: `ProtocolError` -32021 to a modern client, `ClientCannot`
    to the tool.
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
    # `elicitation: {}` is how forms were declared before there was anything else.
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
