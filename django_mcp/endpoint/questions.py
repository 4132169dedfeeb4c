"""A request of the server to the client of a running call: sent on the call's own stream, answered by a POST to any
process.
"""

import secrets
import time
from collections.abc import Callable, Generator, Mapping
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from django_mcp import exceptions
from django_mcp.conf import mcp_settings
from django_mcp.exceptions import Cancelled, ClientCannot, ClientRefused, ClientTimeout
from django_mcp.primitives.asking import Question
from django_mcp.storage import client_requests
from django_mcp.storage.client_requests import TakenAnswer

from .waiting import waiting_calls

if TYPE_CHECKING:
    from .request_stream import RequestStream

Step: TypeAlias = Callable[[], Any] | float
"""A function of the storage to run outside of the call's transaction, or the maximum seconds to wait for an answer."""


class ClientQuestion:
    """One question on its way to the client and back. A carrier runs `steps()`, sync or async, and calls `forget()` at
    the end.
    """

    def __init__(self, question: Question, stream: "RequestStream", *, in_transaction: bool = False) -> None:
        if stream.session is None:
            raise ClientCannot("The client cannot be asked here: it has no session to answer in.")
        self._question = question
        self._stream = stream
        self._session = stream.session
        self.session_pk = stream.session.pk
        self._in_transaction = in_transaction
        self._is_counted = False
        self._is_asked = False
        self._seen_at: datetime | None = None
        self._alone_since: float | None = None
        self._request_id = f"server-{secrets.token_urlsafe(12)}"

    def take_place(self) -> None:
        """Counts the call as waiting; raises `ClientCannot` when there are too many. A carrier whose thread another
        call may take over must call this first.
        """
        if not self._is_counted:
            waiting_calls.enter(self._session, in_transaction=self._in_transaction)
            self._is_counted = True

    def steps(self) -> Generator[Step, Any, Any]:
        """Yields each step, is sent its result, and returns the client's answer. Raises `ClientTimeout`,
        `ClientRefused`, `ClientCannot` and `Cancelled`.
        """
        question, request_id = self._question, self._request_id
        seconds = question.timeout_seconds or mcp_settings.CLIENT_REQUEST_TIMEOUT_SECONDS
        deadline = time.monotonic() + seconds
        self.take_place()
        yield partial(_ask, self.session_pk, request_id, question.method)
        self._is_asked = True
        self._stream.send({"jsonrpc": "2.0", "id": request_id, "method": question.method, "params": question.params})
        while (taken := (yield partial(_take_answer, self.session_pk, request_id))).answer is None:
            if self._stream.cancelled or self._is_deserted(taken):
                raise Cancelled
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                reason = f"Timed out after {seconds:g} seconds"
                self._stream.notify("notifications/cancelled", {"requestId": request_id, "reason": reason})
                raise ClientTimeout(f"The client did not answer {question.method} within {seconds:g} seconds.")
            yield min(remaining, mcp_settings.KEEPALIVE_SECONDS, mcp_settings.CLIENT_GONE_SECONDS / 2)
        return _read_answer(question, taken.answer)

    def _is_deserted(self, taken: TakenAnswer) -> bool:
        """Whether the client is gone for good. It is present while it has a connection, or while its session is used:
        it posts, or resumes the lost stream with a GET to any process.
        """
        is_seen, self._seen_at = taken.seen_at != self._seen_at, taken.seen_at
        if not self._stream.is_left or taken.has_stream or is_seen:
            self._alone_since = None
            return False
        now = time.monotonic()
        self._alone_since = self._alone_since or now
        return now - self._alone_since >= mcp_settings.CLIENT_GONE_SECONDS

    def forget(self) -> None:
        """Releases the call's place, and deletes the question's row, because no call waits for the answer any more."""
        if self._is_counted:
            self._is_counted = False
            waiting_calls.leave(self._session, in_transaction=self._in_transaction)
        if self._is_asked:
            client_requests.forget_request(self.session_pk, self._request_id)


def _ask(session_pk: int, request_id: str, method: str) -> None:
    try:
        client_requests.ask(session_pk, request_id, method)
    except exceptions.TooManyClientRequests:
        raise ClientCannot("The client has too many requests to answer already.") from None


def _take_answer(session_pk: int, request_id: str) -> TakenAnswer:
    taken = client_requests.take_answer(session_pk, request_id)
    if not taken.is_alive:
        raise ClientCannot("The session ended before the client answered.")
    return taken


def _read_answer(question: Question, answer: Mapping[str, Any]) -> Any:
    if "error" in answer:
        error = answer["error"] if isinstance(answer["error"], dict) else {}
        raise ClientRefused(f"The client answered {question.method} with an error: {error.get('message', 'unknown')}")
    return answer.get("result")
