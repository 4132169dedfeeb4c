"""A POST that a thread answers: in the view, and in the WSGI lane."""

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

from django_mcp.execution.under_test import under_test
from django_mcp.methods.request import Call, Listen
from django_mcp.protocol import replies
from django_mcp.protocol.inbound import Batch, Inbound
from django_mcp.protocol.replies import Reply

from .exchange import Exchange
from .request_stream import InlineRequestStream, RequestStream
from .thread_stream import Lines, ThreadRequestStream

Stream: TypeAlias = ThreadRequestStream | InlineRequestStream | None


def answer_post(
    message: Inbound | Batch | Reply, exchange_of: Callable[[RequestStream | None], Exchange]
) -> Reply | Lines:
    """The answer to a message that was read: a reply, or the lines of a stream. `exchange_of` makes the exchange."""
    if isinstance(message, Reply):
        return message
    stream = _stream_for(message)
    answer = exchange_of(stream).answer(message, partial(_carry, stream))
    # A stream that stands open is not offered here.
    return replies.INTERNAL if isinstance(answer, Listen) else answer


def _stream_for(message: Inbound | Batch) -> Stream:
    if not isinstance(message, Inbound) or message.kind != "request" or message.id is None:
        return None
    if (answers := under_test().answer) is not None:
        return InlineRequestStream(answers)
    return ThreadRequestStream(message.id, message.era)


def _carry(stream: Stream, exchange: Exchange, call: Call) -> Reply | Lines:
    """The reply to a call, or the lines of its stream. A sync function without a context sends nothing before it
    returns, and cannot be stopped, so it runs in this thread.
    """
    if isinstance(stream, InlineRequestStream):
        return stream.to_reply(exchange.run(call))
    if stream is not None and call.is_async:
        return stream.run_on_loop(partial(exchange.complete, call))
    if stream is not None and call.can_speak:
        return stream.run(partial(exchange.run, call))
    return exchange.run(call)
