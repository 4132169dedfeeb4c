"""The context of a running primitive: the caller, the session, progress, log messages, and questions to the user."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from asgiref.sync import sync_to_async

from django_mcp.exceptions import Cancelled, ClientCannot
from django_mcp.protocol.jsonrpc import is_request_id
from django_mcp.protocol.records import record

from . import asking as asking
from .asking import Asking, Elicited, InputRequired, Inputs, Question, Sampled

if TYPE_CHECKING:
    import asyncio

    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
    from django.http import HttpRequest

    from django_mcp.protocol.versions import Era

T = TypeVar("T")

LOG_LEVELS: Final = ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")
"""From the least to the most severe (RFC 5424)."""

DEFAULT_LOG_LEVEL: Final = "info"
"""The level for a handshake client that has not set one: the server may choose it (spec 2025-11-25
server/utilities/logging).
"""

PROGRESS_PER_SECOND: Final = 10
"""The rate limit of progress notifications, after a first burst of as many: reports beyond it are dropped, because a
client cannot show more.
"""


class Session(Protocol):
    """The values of an open session, independent of their storage."""

    session_id: str
    protocol_version: str
    log_level: str

    @property
    def client_info(self) -> Mapping[str, Any]: ...

    @property
    def client_capabilities(self) -> Mapping[str, Any]: ...

    @property
    def state(self) -> dict[str, Any]: ...


class RequestStream(Protocol):
    """The connection to the client while a request runs. Thread-safe."""

    def notify(self, method: str, params: Mapping[str, Any]) -> None:
        """Sends a notification on the request's own stream, without waiting."""

    def ask(self, question: Question) -> Any:
        """Waits for and returns the client's answer. Raises `ClientTimeout`, `ClientRefused`, `ClientCannot` and
        `Cancelled`.
        """

    async def aask(self, question: Question) -> Any:
        """See ask()."""

    def close(self) -> None:
        """Closes the connection, but not the stream."""

    def runs_in(self, task: "asyncio.Task[Any] | None") -> None:
        """Sets the task that a cancellation must cancel."""

    @property
    def cancelled(self) -> bool: ...


@record(frozen=True, slots=True)
class Principal:
    """The authenticated sender of a message, from the endpoint's policies; nothing here comes from the client's own
    claims.

    `key` is the stable name under which sessions, events and request state are stored; it is the same on every worker.
    `scopes` are those of the credential; `None` when its kind has none (a session cookie), which means no limit.
    `token_id` names the token, and is never the token itself. `expires_at` is when the credential ends, if it does.
    """

    key: str
    user: "AbstractBaseUser | AnonymousUser"
    client_id: str = ""
    scopes: frozenset[str] | None = None
    token_id: str = ""
    expires_at: datetime | None = None

    @property
    def account(self) -> str:
        """The key of the user, without the client or token; the whole key where there is no user. Limits count per
        account.
        """
        return self.key if self.key.startswith("client:") else self.key.partition(":client:")[0]

    def has_scopes(self, scopes: Iterable[str]) -> bool:
        """Whether the credential has all of these scopes, or is of a kind without scopes."""
        return self.scopes is None or self.scopes.issuperset(scopes)


@record(frozen=True, slots=True)
class Caller:
    """The sender of a message, with access to Django's request.

    `credential` and `authenticator` are DRF's `request.auth` and `request.successful_authenticator`, for rules that
    decide by a token. Neither is ever printed.
    """

    principal: Principal
    get_request: "Callable[[], HttpRequest]"
    credential: Any = field(default=None, repr=False, compare=False)
    authenticator: Any = field(default=None, repr=False, compare=False)

    @property
    def user(self) -> "AbstractBaseUser | AnonymousUser":
        return self.principal.user


@dataclass(slots=True)
class Context:
    """The request that a tool, resource or prompt answers. Annotate a parameter with `Context` to get it.

    `client_info` and `client_capabilities` are the client's own claims: use them for wording, never for permissions.
    `meta` is the request's `_meta`. `session` is `None` for a modern client, and where sessions are off.
    """

    server: Any
    method: str
    request_id: str | int
    era: "Era"
    protocol_version: str
    client_info: Mapping[str, Any]
    client_capabilities: Mapping[str, Any]
    meta: Mapping[str, Any]
    session: Session | None
    caller: Caller
    request_stream: RequestStream | None = None
    inputs: Inputs = field(default_factory=Inputs)
    _progress: float = float("-inf")
    _tokens: float = PROGRESS_PER_SECOND
    _reported_at: float = 0.0

    @property
    def principal(self) -> Principal:
        """The principal: the user, and the client, scopes and expiry of the credential."""
        return self.caller.principal

    @property
    def user(self) -> "AbstractBaseUser | AnonymousUser":
        """The user whom the endpoint authenticated, or Django's `AnonymousUser`."""
        return self.caller.principal.user

    @property
    def credential(self) -> Any:
        """The access token, API token or claims that authenticated the user: DRF's `request.auth`."""
        return self.caller.credential

    @property
    def request(self) -> "HttpRequest":
        """Django's request. In the ASGI lane no middleware has processed it: it has only the server's data and the
        user.
        """
        return self.caller.get_request()

    def client_supports(self, extension: str) -> bool:
        """Whether the client declares an extension: in this request, or when its session was opened."""
        return extension in extensions_of(self.client_capabilities)

    def client_extension(self, extension: str) -> Mapping[str, Any] | None:
        """The settings with which the client declares an extension; `None` when it does not. They are unchecked."""
        return extensions_of(self.client_capabilities).get(extension)

    @property
    def cancelled(self) -> bool:
        """Whether the client has cancelled this request. A coroutine gets `CancelledError`; a sync function should
        check this now and then.
        """
        return self.request_stream is not None and self.request_stream.cancelled

    def raise_if_cancelled(self) -> None:
        """Raises `Cancelled` if the client has cancelled."""
        if self.cancelled:
            raise Cancelled

    def progress(self, progress: float, total: float | None = None, message: str | None = None) -> None:
        """Reports progress to a client that asked for it. Reports that do not increase, or exceed the rate limit, are
        dropped.
        """
        token = self.meta.get("progressToken")
        # Each report repeats the token, so its size is limited. JSON has no infinity and no NaN.
        if self.request_stream is None or not is_request_id(token) or not self._progress < progress < float("inf"):
            return
        now = time.monotonic()
        self._tokens = min(PROGRESS_PER_SECOND, self._tokens + (now - self._reported_at) * PROGRESS_PER_SECOND)
        self._reported_at = now
        done = total is not None and progress >= total
        if self._tokens < 1 and not done:
            return
        self._tokens -= 1
        self._progress = progress
        params = {"progressToken": token, "progress": progress, "total": total, "message": message}
        self.request_stream.notify(
            "notifications/progress", {key: value for key, value in params.items() if value is not None}
        )

    def log(self, level: str, data: Any, logger: str | None = None) -> None:
        """Sends a log message to the client, if it wants this level. `data` is any JSON value; put no secret in it."""
        wanted = self._wanted_log_level()
        if level not in LOG_LEVELS:
            raise ValueError(f"{level!r} is no log level; the levels are {', '.join(LOG_LEVELS)}.")
        if self.request_stream is None or wanted is None or LOG_LEVELS.index(level) < LOG_LEVELS.index(wanted):
            return
        params = {"level": level, "data": data} | ({"logger": logger} if logger else {})
        self.request_stream.notify("notifications/message", params)

    def debug(self, data: Any, logger: str | None = None) -> None:
        self.log("debug", data, logger)

    def info(self, data: Any, logger: str | None = None) -> None:
        self.log("info", data, logger)

    def warning(self, data: Any, logger: str | None = None) -> None:
        self.log("warning", data, logger)

    def error(self, data: Any, logger: str | None = None) -> None:
        self.log("error", data, logger)

    def elicit(
        self, message: str, form: Any, *, key: str | None = None, timeout_seconds: float | None = None
    ) -> Elicited[Any]:
        """Asks the user to fill in a form: a pydantic model, a dataclass, a Django form, or a flat JSON Schema.

        `data` of the answer is an instance, the cleaned data, or a mapping. Invalid input is asked for again. Raises
        `ClientCannot`, `ClientTimeout` and `ClientRefused`, each a `ToolError`. In the modern era the function runs
        again from the top when the answer comes, so write nothing before you ask; give a `key` where the order of the
        questions may change.
        """
        return self._drive(asking.elicit(message, form, self.protocol_version, key, timeout_seconds))

    async def aelicit(
        self, message: str, form: Any, *, key: str | None = None, timeout_seconds: float | None = None
    ) -> Elicited[Any]:
        """See elicit()."""
        return await self._adrive(asking.elicit(message, form, self.protocol_version, key, timeout_seconds))

    def elicit_all(
        self, forms: Mapping[str, tuple[str, Any]], *, timeout_seconds: float | None = None
    ) -> dict[str, Elicited[Any]]:
        """Asks for several forms at once, each a message and a form under its key; see elicit(). A modern client gets
        all questions in one round, a handshake client one after the other.
        """
        asked = _Asked()
        for key, (message, form) in forms.items():
            with asked.collecting():
                asked.answers[key] = self.elicit(message, form, key=key, timeout_seconds=timeout_seconds)
        return asked.all_answers(self.inputs.state)

    async def aelicit_all(
        self, forms: Mapping[str, tuple[str, Any]], *, timeout_seconds: float | None = None
    ) -> dict[str, Elicited[Any]]:
        """See elicit_all()."""
        asked = _Asked()
        for key, (message, form) in forms.items():
            with asked.collecting():
                asked.answers[key] = await self.aelicit(message, form, key=key, timeout_seconds=timeout_seconds)
        return asked.all_answers(self.inputs.state)

    def elicit_url(
        self, message: str, url: str, *, key: str | None = None, timeout_seconds: float | None = None
    ) -> Elicited[None]:
        """Asks the user to open a page of yours, for data that must not pass through the client, such as passwords and
        payments.
        """
        return self._drive(asking.elicit_url(message, url, self.protocol_version, key, timeout_seconds))

    async def aelicit_url(
        self, message: str, url: str, *, key: str | None = None, timeout_seconds: float | None = None
    ) -> Elicited[None]:
        """See elicit_url()."""
        return await self._adrive(asking.elicit_url(message, url, self.protocol_version, key, timeout_seconds))

    def sample(
        self,
        messages: Any,
        *,
        max_tokens: int,
        key: str | None = None,
        timeout_seconds: float | None = None,
        **options: Any,
    ) -> Sampled:
        """Lets the client's model write something. `messages` is text, a message, or a list; `options` are the
        protocol's own (`systemPrompt`, `temperature`, `tools`, `toolChoice` …).
        """
        return self._drive(asking.sample(messages, max_tokens, options, key, timeout_seconds))

    async def asample(
        self,
        messages: Any,
        *,
        max_tokens: int,
        key: str | None = None,
        timeout_seconds: float | None = None,
        **options: Any,
    ) -> Sampled:
        """See sample()."""
        return await self._adrive(asking.sample(messages, max_tokens, options, key, timeout_seconds))

    def list_roots(self, *, key: str | None = None, timeout_seconds: float | None = None) -> list[dict[str, Any]]:
        """The directories that the client works in, as `{"uri": "file://…", "name": …}`."""
        return self._drive(asking.list_roots(key, timeout_seconds))

    async def alist_roots(
        self, *, key: str | None = None, timeout_seconds: float | None = None
    ) -> list[dict[str, Any]]:
        """See list_roots()."""
        return await self._adrive(asking.list_roots(key, timeout_seconds))

    def form_question(self, message: str, form: Any) -> Question:
        """The question of elicit(), for an `InputRequired` of your own."""
        return asking.form_question(message, form, self.protocol_version)

    def sampling_question(self, messages: Any, *, max_tokens: int, **options: Any) -> Question:
        """The question of sample(), for an `InputRequired` of your own."""
        return asking.sample_question(messages, max_tokens, options)

    def roots_question(self) -> Question:
        """The question of list_roots(), for an `InputRequired` of your own."""
        return asking.roots_question()

    def close_stream(self) -> None:
        """Closes the connection while the request continues. A client from 2025-11-25 on reconnects for the rest; for
        older clients, the connection stays open.
        """
        if self.request_stream is not None:
            self.request_stream.close()

    @property
    def answers(self) -> Mapping[str, Any]:
        """The client's unchanged answers, by key, to the `InputRequired` that ended the round before."""
        return self.inputs.answers

    @property
    def call_state(self) -> Any:
        """The `state` of the `InputRequired` that ended the round before."""
        return self.inputs.state

    def _wanted_log_level(self) -> str | None:
        if self.era == "modern":
            level = self.meta.get("io.modelcontextprotocol/logLevel")
            return level if level in LOG_LEVELS else None
        return (self.session.log_level if self.session else "") or DEFAULT_LOG_LEVEL

    def _drive(self, conversation: "Asking[T]") -> T:
        answer: Any = None
        while True:
            is_over, step = _advance(conversation, answer)
            if is_over:
                value: T = step
                return value
            known, answer = self._known_answer(step)
            if not known:
                answer = self._request_stream().ask(step)

    async def _adrive(self, conversation: "Asking[T]") -> T:
        answer: Any = None
        while True:
            # Forms and their validators are the developer's code, which may query the database.
            is_over, step = await sync_to_async(_advance)(conversation, answer)
            if is_over:
                value: T = step
                return value
            known, answer = self._known_answer(step)
            if not known:
                answer = await self._request_stream().aask(step)

    def _known_answer(self, question: Question) -> tuple[bool, Any]:
        """The answer that a modern client has sent already. Raises `InputRequired` when it has not. A handshake client
        is asked instead.
        """
        asking.check_capability(question, self.client_capabilities, self.era)
        if self.era == "handshake":
            return False, None
        key = self.inputs.next_key(question)
        if key not in self.inputs.answers:
            raise InputRequired({key: question}, state=self.inputs.state)
        return True, self.inputs.answers[key]

    def _request_stream(self) -> RequestStream:
        if self.request_stream is None:
            raise ClientCannot("The client cannot be asked here: there is no session, or the request came in a batch.")
        return self.request_stream


class _Asked:
    """The answers to several questions, and the questions that the client must answer first."""

    def __init__(self) -> None:
        self.answers: dict[str, Elicited[Any]] = {}
        self._questions: dict[str, Question] = {}

    @contextmanager
    def collecting(self) -> Iterator[None]:
        try:
            yield
        except InputRequired as required:
            self._questions |= required.questions

    def all_answers(self, state: Any) -> dict[str, Elicited[Any]]:
        """The answers, if all are known. Raises `InputRequired`."""
        if self._questions:
            raise InputRequired(self._questions, state=state)
        return self.answers


def extensions_of(capabilities: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    """The extensions that a client's capabilities declare, with their settings. Settings that are no object declare
    nothing.
    """
    declared = capabilities.get("extensions")
    if not isinstance(declared, dict):
        return {}
    return {name: settings for name, settings in declared.items() if isinstance(settings, dict)}


def _advance(conversation: "Asking[Any]", answer: Any) -> tuple[bool, Any]:
    """Whether the conversation is over, and its result or its next question."""
    try:
        return False, conversation.send(answer)
    except StopIteration as end:
        return True, end.value
