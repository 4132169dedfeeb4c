"""An exchange at an endpoint: from a message and its caller to the reply.

It joins `methods/` and `storage/`: it resumes the session before a message is prepared, and writes the effects of the
answer. Independent of WSGI and ASGI.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, TypeAlias

from django_mcp import exceptions, gates
from django_mcp.bus import bell
from django_mcp.conf import mcp_settings
from django_mcp.exceptions import Cancelled, ClientTooLarge, TooManySessions, TooManySubscriptions
from django_mcp.execution import outcomes
from django_mcp.execution.runner import arun, run
from django_mcp.execution.threads import LoopContext
from django_mcp.methods.answering import PendingReply, finish, is_inert, prepare
from django_mcp.methods.effects import (
    CancelRequest,
    Effect,
    KeepAnswer,
    OpenSession,
    SetLogLevel,
    Subscribe,
    Unsubscribe,
)
from django_mcp.methods.request import Call, Listen, Outcome
from django_mcp.observers import ObservedCall, blocking, observing
from django_mcp.primitives.context import Caller
from django_mcp.protocol import inbound as inbound_rules
from django_mcp.protocol import replies
from django_mcp.protocol.errors import INTERNAL_ERROR, INVALID_PARAMS, INVALID_REQUEST, ProtocolError
from django_mcp.protocol.headers import LAST_EVENT_ID, SESSION_ID, Headers
from django_mcp.protocol.inbound import SINGLE_OBJECT, Batch, Inbound
from django_mcp.protocol.replies import Reply
from django_mcp.protocol.versions import BATCH_VERSION
from django_mcp.server import MCPServer
from django_mcp.storage import client_requests, events, session_state, sessions, standalone, subscriptions
from django_mcp.storage.session_state import SessionState
from django_mcp.storage.spent_states import spend

from .observed_calls import observed_call, start
from .request_stream import RequestStream
from .thread_stream import Lines

Step: TypeAlias = Reply | Call | Listen
Carry: TypeAlias = Callable[["Exchange", Call], Reply | Lines]
"""Runs the function of a call, by `run()` or `complete()`, and may make a stream of it."""

IN_FLIGHT: Final = "Invalid Request: a request with this id still runs in the session"
SPENT: Final = "Invalid or expired requestState"

SessionPolicy: TypeAlias = Literal["required", "optional", "off"]
"""Whether a handshake client must have a session, may have one, or has none."""


@dataclass(frozen=True, slots=True)
class StandaloneStream:
    """A stream for a GET: its session, its position, the lease if it is the standalone stream, and the expiry of the
    caller's credential. If it is not taken, another connection has it, or died while it had it.
    """

    session: SessionState
    position: events.Position
    holder: str
    expires_at: datetime | None = None
    is_taken: bool = True


Count: TypeAlias = Callable[[], Reply | None]
"""Counts another message of the caller for the endpoint's throttles; returns the refusal when there are too many."""


class Exchange:
    """A request of one caller at an endpoint.

    In a thread, `answer()` answers a POST. In an event loop, `begin()` runs in a thread, or `find()` on the loop if the
    message `is_inert()`; `complete()` then runs a call that they return. `terminate()` answers DELETE and
    `open_stream()` answers GET.
    """

    __slots__ = ("_count", "_policy", "caller", "lane", "path", "server", "session", "stream", "streams")

    def __init__(
        self,
        server: MCPServer,
        policy: SessionPolicy,
        caller: Caller,
        *,
        stream: RequestStream | None = None,
        streams: bool = False,
        count: Count | None = None,
        lane: str = "view",
        path: str = "",
    ) -> None:
        self.server = server
        self.caller = caller
        self.stream = stream
        self.streams = streams
        self.session: SessionState | None = None
        self.lane = lane
        self.path = path
        self._policy = policy
        self._count = count

    def answer(self, message: Inbound | Batch, carry: Carry | None = None) -> Reply | Listen | Lines:
        """The answer to a message, made in this thread, unless `carry` runs the function of a call elsewhere."""
        step = self.find(message)
        if not isinstance(step, Call):
            return step
        if carry is None:
            return self.run(step)
        try:
            return carry(self, step)
        except BaseException as error:
            # There may be no thread or no event loop to run it.
            if step.request.observed is not None:
                outcomes.fail(step.request.observed, error)
            raise

    def begin(self, message: Inbound | Batch) -> Step:
        """The answer to a message, or an asynchronous call for `complete()`. Runs synchronous calls itself."""
        step = self.find(message)
        if not isinstance(step, Call):
            return step
        if not step.is_async:
            return self.run(step)
        if step.request.observed is not None and self.stream is not None:
            self.stream.awaited = step.request.observed
            if self.stream.is_given_up:
                step.request.observed.finish("cancelled")
        return step

    async def complete(self, call: Call, loop_context: LoopContext, task: "asyncio.Task[Any]") -> Reply:
        """The reply to a call: runs an asynchronous function on this event loop, in this task, which the client may
        cancel; a sync one in a worker thread.
        """
        stream, observed = self.stream, call.request.observed
        if stream is not None:
            if stream.cancelled:
                # The client was quicker than the event loop.
                if observed is not None:
                    await outcomes.afail(observed, Cancelled(), loop_context)
                return stream.cancelled_reply()
            if call.is_async:
                stream.runs_in(task)
                stream.begin()
        try:
            try:
                outcome = await (arun(call, loop_context) if call.is_async else loop_context.hop(self._run, call))
            except BaseException as error:
                if observed is not None:
                    await outcomes.afail(observed, error, loop_context)
                raise
            # A state that was never loaded has not changed.
            has_state = self.session is not None and self.session.has_loaded_state
            hops = has_state or (observed is not None and observed.blocks)
            return await loop_context.hop(self._end, call, outcome) if hops else self._end(call, outcome)
        except asyncio.CancelledError:
            if stream is None or not stream.cancelled:
                raise
            # The client cancelled the call; this task itself is not cancelled.
            task.uncancel()
            return stream.cancelled_reply()
        finally:
            if stream is not None:
                stream.runs_in(None)

    def is_inert(self, message: Inbound | Batch) -> bool:
        """Whether `find()` queries no database and runs no code of the developer, and may therefore run on an event
        loop.
        """
        if blocking or (gates.gates and not gates.are_ready()):
            return False
        return isinstance(message, Inbound) and not self._has_session(message) and is_inert(self.server, message)

    def _has_session(self, inbound: Inbound | Batch) -> bool:
        return self._policy != "off" and (isinstance(inbound, Batch) or inbound.era == "handshake")

    def find(self, inbound: Inbound | Batch) -> Step:
        """The reply or the call for a message, in its session."""
        if observing and isinstance(inbound, Inbound) and (observed := observed_call(self, inbound)) is not None:
            step = self._find_observed(inbound, observed, self._resume)
        else:
            step = self._resume(inbound) or self._prepare(inbound)
        if self.stream is not None:
            if isinstance(step, Call):
                self.stream.accept()
            else:
                self.stream.release()
        return step

    def _refuse(self, message: Inbound | Batch | None = None) -> Reply | None:
        """The reply to a caller whom a gate refuses."""
        refusal = gates.refusal_of(self.server.name, self.caller.principal)
        if refusal is None:
            return None
        error = ProtocolError(INVALID_REQUEST, refusal.message, status=refusal.status)
        one = message if isinstance(message, Inbound) else None
        return replies.error(error, one.era if one else "handshake", one.id if one else None)

    def _find_observed(
        self, inbound: Inbound, observed: ObservedCall, resume: Callable[[Inbound], Reply | None]
    ) -> Step:
        """See find(); tells the observers that the call starts, and that it has finished when it is refused."""
        try:
            try:
                refusal = resume(inbound)
            finally:
                start(observed, self)
            step = refusal or self._prepare(inbound, observed)
        except BaseException as error:
            outcomes.fail(observed, error)
            raise
        if isinstance(step, Reply):
            outcomes.refuse(observed, step)
        return step

    def _prepare(self, inbound: Inbound | Batch, observed: ObservedCall | None = None) -> Step:
        if isinstance(inbound, Batch):
            return self._answer_batch(inbound)
        streams = self.streams and self._is_reached_later(inbound)
        step = prepare(self.server, inbound, self.session, self.caller, self.stream, streams=streams, observed=observed)
        if isinstance(step, PendingReply):
            return self._carry_out(step)
        if isinstance(step, Call) and step.nonce and not spend(step.nonce):
            spent = ProtocolError(INVALID_PARAMS, SPENT)
            step.request.note(error=spent)
            return replies.error(spent, inbound.era, inbound.id)
        return step

    def run(self, call: Call) -> Reply:
        """The reply to a call, made in this thread."""
        try:
            return self._end(call, self._run(call))
        except BaseException as error:
            if call.request.observed is not None:
                outcomes.fail(call.request.observed, error)
            raise

    def _run(self, call: Call) -> Outcome:
        if self.stream is not None:
            self.stream.begin()
        return run(call)

    def _end(self, call: Call, outcome: Outcome) -> Reply:
        """The reply to a call that was made. It writes the session's state, unless the call failed or was a dry run."""
        if self.stream is not None:
            self.stream.release()
        is_tried = call.options.dry_run
        if self.session is not None and outcome.error is None and outcome.required is None and not is_tried:
            try:
                session_state.save_state(self.session)
            except TypeError as error:
                outcome = Outcome(error=error)
        if self.session is not None and (outcome.error is not None or is_tried):
            # Other calls of a batch share the session.
            self.session.discard_changes()
        reply = finish(call, outcome)
        if call.request.observed is not None:
            outcomes.end(call, call.request.observed, outcome, reply)
        return reply

    def terminate(self, headers: Headers) -> Reply:
        """The reply to DELETE: terminates the session."""
        if refusal := self.check_session(headers, allow="POST"):
            return refusal
        ended = sessions.terminate(headers[SESSION_ID], **self._own())
        return replies.TERMINATED if ended else replies.SESSION_NOT_FOUND

    def open_stream(self, headers: Headers) -> "Reply | StandaloneStream":
        """The stream that a GET opens or resumes, or its refusal; decided before anything is sent."""
        if refusal := self.check_session(headers, allow="POST", stream=True):
            return refusal
        session = sessions.resume(headers[SESSION_ID], **self._own())
        if session is None:
            return replies.SESSION_NOT_FOUND
        last_event_id = headers.get(LAST_EVENT_ID)
        try:
            position = None if last_event_id is None else events.locate(session.pk, self.server.name, last_event_id)
        except exceptions.UnknownEvent:
            return replies.refusal(400, "Unknown Last-Event-ID: open a stream without one")
        expires_at = self.caller.principal.expires_at
        if position is not None and position.key != events.STANDALONE:
            return StandaloneStream(session, position, "", expires_at)
        holder = events.new_key()
        is_taken = standalone.take(session.pk, holder, force=last_event_id is not None)
        bell.ring([bell.session_group(session.pk)])
        if position is None:
            # Read after the lease was taken: who releases it writes the position.
            position = standalone.last_position(session.pk)
        return StandaloneStream(session, position, holder, expires_at, is_taken)

    def refuse_stream(self, headers: Headers, allow: str) -> Reply:
        """The reply to GET where no stream is offered: checks the session first, so that a dead session is 404, not
        405.
        """
        if refusal := self.check_session(headers, allow=allow):
            return refusal
        live = sessions.resume(headers[SESSION_ID], **self._own())
        return replies.method_not_allowed(allow) if live else replies.SESSION_NOT_FOUND

    def check_session(self, headers: Headers, *, allow: str, stream: bool = False) -> Reply | None:
        """The refusal of a GET or DELETE without a session, or with a revision that has no sessions."""
        if gates.gates and (refused := self._refuse()):
            return refused
        if self._policy == "off":
            return replies.method_not_allowed("POST")
        if refusal := inbound_rules.check_session_request(headers):
            return refusal
        if stream and (refusal := inbound_rules.check_stream_request(headers)):
            return refusal
        return None if SESSION_ID in headers else replies.MISSING_SESSION_ID

    def _own(self) -> dict[str, Any]:
        """The values that a session must have to be the caller's."""
        return {"server": self.server.name, "principal": self.caller.principal.key, "user": self.caller.user}

    def _is_reached_later(self, inbound: Inbound) -> bool:
        """Whether we can notify this client later: a modern client listens, a handshake client needs a session."""
        if inbound.era == "modern" or self.session is not None:
            return True
        return inbound.method == "initialize" and self._policy != "off"

    def _resume(self, inbound: Inbound | Batch) -> Reply | None:
        """Resumes the session of a handshake message, or returns the refusal of a message whose session is missing."""
        if gates.gates and (refused := self._refuse(inbound)):
            return refused
        if not self._has_session(inbound):
            return None
        opening = isinstance(inbound, Inbound) and inbound.method == "initialize"
        session_id = inbound.session_id
        if session_id is None:
            return None if opening or self._policy == "optional" else replies.MISSING_SESSION_ID
        request_id = inbound.id if isinstance(inbound, Inbound) and inbound.kind == "request" else None
        session = sessions.resume(session_id, **self._own(), request_id=request_id)
        if session is None:
            return replies.SESSION_NOT_FOUND
        if opening and isinstance(inbound, Inbound):
            error = ProtocolError(INVALID_REQUEST, "Invalid Request: Server already initialized", status=400)
            return replies.error(error, "handshake", inbound.id)
        if session.needs_touch:
            sessions.touch(session)
        self.session = session
        if self.stream is not None:
            if not self.stream.claim(session):
                error = ProtocolError(INVALID_REQUEST, IN_FLIGHT, status=400)
                return replies.error(error, "handshake", request_id)
            self.stream.bind(session)
        return None

    def _answer_batch(self, batch: Batch) -> Reply:
        """One reply to a batch, in the order of its messages; only revision 2025-03-26 has batches. Each message counts
        for the endpoint's throttles, and the answers stop at `MCP_MAX_BATCH_BYTES`.
        """
        if self.session is None or self.session.protocol_version != BATCH_VERSION:
            return replies.error(ProtocolError(INVALID_REQUEST, SINGLE_OBJECT, status=400))
        # The answers share one response, so nothing can be sent before it.
        self.stream = None
        answers: list[bytes] = []
        size = 0
        for number, message in enumerate(batch.messages):
            refusal = self._refuse_one_more(number, size)
            refusal = replies.with_id(refusal, message.id) if refusal else None
            reply = self._answer_one(message, refusal)
            if reply.body and message.kind == "request":
                answers.append(reply.body)
                size += len(reply.body)
        return Reply(200, b"[" + b",".join(answers) + b"]") if answers else replies.ACCEPTED

    def _answer_one(self, message: Inbound, refusal: Reply | None) -> Reply:
        if observing and (observed := observed_call(self, message)) is not None:
            step = self._find_observed(message, observed, lambda _: refusal)
        else:
            step = refusal or self._prepare(message)
        reply = self.run(step) if isinstance(step, Call) else step
        return reply if isinstance(reply, Reply) else replies.ACCEPTED

    def _refuse_one_more(self, number: int, size: int) -> Reply | None:
        """The refusal of a batch's message: the earlier answers are too large, or the caller is over its rate limit."""
        if size > mcp_settings.MAX_BATCH_BYTES:
            return replies.error(
                ProtocolError(INTERNAL_ERROR, f"The answers to a batch exceed {mcp_settings.MAX_BATCH_BYTES} bytes")
            )
        # The first message was counted when the caller was admitted.
        return self._count() if number and self._count is not None else None

    def _carry_out(self, step: PendingReply) -> Reply:
        if isinstance(step.effect, OpenSession):
            return step.reply if self._policy == "off" else self._open(step, step.effect)
        try:
            if self.session is not None:
                self._remember(self.session, step.effect)
        except TooManySubscriptions as error:
            return replies.error(ProtocolError(INVALID_REQUEST, str(error)), "handshake", step.request_id)
        return step.reply

    def _remember(self, session: SessionState, effect: Effect) -> None:
        match effect:
            case SetLogLevel(level=level):
                sessions.set_log_level(session.session_id, level)
            case Subscribe(uri=uri):
                subscriptions.subscribe(session.pk, uri)
            case Unsubscribe(uri=uri):
                subscriptions.unsubscribe(session.pk, uri)
            case CancelRequest(request_id=request_id):
                events.cancel(session.pk, request_id)
                bell.ring([bell.calls_group(session.pk)])
            case KeepAnswer(request_id=request_id, message=message):
                if client_requests.answer(session.pk, request_id, dict(message)):
                    bell.ring([bell.calls_group(session.pk)])

    def _open(self, step: PendingReply, effect: OpenSession) -> Reply:
        try:
            session = sessions.open(
                server=self.server.name,
                principal=self.caller.principal.key,
                user=self.caller.user,
                protocol_version=effect.protocol_version,
                client_info=effect.client_info,
                client_capabilities=effect.client_capabilities,
            )
        except TooManySessions as error:
            message = "Too many open sessions: end one, or try again later"
            status = 429 if error.scope == "principal" else 503
            failure = ProtocolError(INTERNAL_ERROR, message, status=status)
            return replies.error(failure, "handshake", step.request_id).with_header("Retry-After", "60")
        except ClientTooLarge as error:
            failure = ProtocolError(INVALID_PARAMS, f"Invalid params: {error}", status=413)
            return replies.error(failure, "handshake", step.request_id)
        return step.reply.with_header("Mcp-Session-Id", session.session_id)
