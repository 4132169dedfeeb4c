"""What a running primitive may ask and say: who calls, in which session, how far it has got, and what it needs to know
of the user.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from django_mcp.protocol.records import record

from . import asking as asking
from .asking import Asking, ClientCannot, Elicited, InputRequired, Inputs, Question, Sampled

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
    from django.http import HttpRequest

    from django_mcp.protocol.versions import Era

T = TypeVar("T")

LOG_LEVELS: Final = ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")
"""From the least to the most severe (RFC 5424)."""

DEFAULT_LOG_LEVEL: Final = "info"
"""What a handshake client hears that has set no level: the server decides (spec 2025-11-25
server/utilities/logging).
"""

PROGRESS_PER_SECOND: Final = 10
"""Progress beyond this, after a first burst of as many, waits for the next report: a client shows no more."""


class Cancelled(BaseException):
    """The client has cancelled the request, or is gone: what the function wrote is undone."""


class Session(Protocol):
    """The values of an open session, wherever they are kept."""

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
    """The way to the client while a request runs. Safe to use from any thread."""

    def notify(self, method: str, params: Mapping[str, Any]) -> None:
        """Sends a notification on the request's own stream, without waiting."""

    def ask(self, question: Question) -> Any:
        """The client's answer. Raises `ClientTimeout`, `ClientRefused`, `ClientCannot` and `Cancelled`."""

    async def aask(self, question: Question) -> Any:
        """See ask()."""

    def close(self) -> None:
        """Closes the connection, and not the stream."""

    @property
    def cancelled(self) -> bool: ...


@record(frozen=True, slots=True)
class Principal:
    """On whose behalf a message is, as the endpoint's policies found out; nothing here is what the client says of
    itself.

    `key` is the stable name under which sessions, events and request state are kept: the same on every worker. `scopes`
    are those of the credential; `None` when its kind has none (a session cookie), and so is not limited by any.
    `token_id` names the token, and never is the token. `expires_at` is when the credential ends, if it does.
    """

    key: str
    user: "AbstractBaseUser | AnonymousUser"
    client_id: str = ""
    scopes: frozenset[str] | None = None
    token_id: str = ""
    expires_at: datetime | None = None

    @property
    def account(self) -> str:
        """The key of the user, whichever client or token it is this time; the key where there is no user. Limits count
        by it.
        """
        return self.key if self.key.startswith("client:") else self.key.partition(":client:")[0]

    def has_scopes(self, scopes: Iterable[str]) -> bool:
        """Whether the credential carries all of these scopes, or is of a kind that is not limited by any."""
        return self.scopes is None or self.scopes.issuperset(scopes)


@record(frozen=True, slots=True)
class Caller:
    """The sender of a message, and the way to Django's request.

    `credential` and `authenticator` are DRF's `request.auth` and `request.successful_authenticator`: rules that decide
    by a token need them. Neither is ever printed.
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
    """One request, as the tool, resource or prompt that answers it sees it. Ask for it by annotating a parameter
    `Context`.

    `client_info` and `client_capabilities` are what the client says of itself: of use for wording, never for
    permission. `meta` is the request's own `_meta`. `session` is `None` for a modern client, and wherever sessions are
    off.
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
        """On whose behalf the request is: the user, and what the credential says beside (client, scopes, expiry)."""
        return self.caller.principal

    @property
    def user(self) -> "AbstractBaseUser | AnonymousUser":
        """The user whom the endpoint authenticated, or Django's `AnonymousUser`."""
        return self.caller.principal.user

    @property
    def credential(self) -> Any:
        """The access token, API token or claims by which the endpoint knew the user: DRF's `request.auth`."""
        return self.caller.credential

    @property
    def request(self) -> "HttpRequest":
        """Django's request. In the ASGI lane no middleware has seen it, so it has what the server sent and the user, no
        more.
        """
        return self.caller.get_request()

    @property
    def cancelled(self) -> bool:
        """Whether the client has cancelled this request. A coroutine gets `CancelledError`; a plain function looks here
        now and then.
        """
        return self.request_stream is not None and self.request_stream.cancelled

    def raise_if_cancelled(self) -> None:
        """Raises `Cancelled` when the client has cancelled."""
        if self.cancelled:
            raise Cancelled

    def progress(self, progress: float, total: float | None = None, message: str | None = None) -> None:
        """Says how far the request has got, to a client that asked to know. Reports that do not go up, and too many,
        are left out.
        """
        token = self.meta.get("progressToken")
        # JSON has no word for infinity, nor for what is no number.
        if (
            self.request_stream is None
            or not isinstance(token, str | int)
            or not self._progress < progress < float("inf")
        ):
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
        """Sends a log message to the client, if it wants those of this level. `data` is anything that is JSON; put no
        secret in it.
        """
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
        """Has the user fill in a form: a pydantic model, a dataclass, a Django form, or a flat JSON Schema.

        `data` of the answer is an instance, the cleaned data, or a mapping. What does not fit is asked again. Raises
        `ClientCannot`, `ClientTimeout` and `ClientRefused`, each a `ToolError`. In the modern era the function runs
        again from the top for the answer, so write nothing before you ask; `key` names the question where its turn is
        not always the same.
        """
        return self._drive(asking.elicit(message, form, self.protocol_version, key, timeout_seconds))

    async def aelicit(
        self, message: str, form: Any, *, key: str | None = None, timeout_seconds: float | None = None
    ) -> Elicited[Any]:
        """See elicit()."""
        return await self._adrive(asking.elicit(message, form, self.protocol_version, key, timeout_seconds))

    def elicit_url(
        self, message: str, url: str, *, key: str | None = None, timeout_seconds: float | None = None
    ) -> Elicited[None]:
        """Asks the user to open a page of yours: for what must not pass through the client, such as passwords and
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
        """Has the client's model write something. `messages` is text, a message, or a list; the options are the
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
        """The question that elicit() asks, for an `InputRequired` of your own."""
        return asking.form_question(message, form, self.protocol_version)

    def sampling_question(self, messages: Any, *, max_tokens: int, **options: Any) -> Question:
        """The question that sample() asks, for an `InputRequired` of your own."""
        return asking.sample_question(messages, max_tokens, options)

    def roots_question(self) -> Question:
        """The question that list_roots() asks, for an `InputRequired` of your own."""
        return asking.roots_question()

    def close_stream(self) -> None:
        """Lets go of the connection while the request runs on. A client from 2025-11-25 on comes back for the rest;
        others keep waiting.
        """
        if self.request_stream is not None:
            self.request_stream.close()

    @property
    def answers(self) -> Mapping[str, Any]:
        """The client's answers to an `InputRequired` that ended the round before, by key, as it sent them."""
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
            try:
                question = conversation.send(answer)
            except StopIteration as end:
                value: T = end.value
                return value
            known, answer = self._known_answer(question)
            if not known:
                answer = self._request_stream().ask(question)

    async def _adrive(self, conversation: "Asking[T]") -> T:
        answer: Any = None
        while True:
            try:
                question = conversation.send(answer)
            except StopIteration as end:
                value: T = end.value
                return value
            known, answer = self._known_answer(question)
            if not known:
                answer = await self._request_stream().aask(question)

    def _known_answer(self, question: Question) -> tuple[bool, Any]:
        """The answer that a modern client has given already. Raises `InputRequired` when it has not; a handshake client
        can be asked.
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
