"""The request stream of the view: the request runs in a thread of its own, and the response is written from a queue."""

import contextlib
import contextvars
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any

from asgiref.sync import sync_to_async
from django.db import connections

from django_mcp.conf import mcp_settings
from django_mcp.models import to_json_text
from django_mcp.primitives.asking import Question
from django_mcp.protocol import replies, sse
from django_mcp.protocol.jsonrpc import RequestId
from django_mcp.protocol.replies import Reply
from django_mcp.protocol.versions import Era
from django_mcp.storage import events

from .questions import ClientQuestion
from .request_stream import OUTBOX_LIMIT, WATCH_AFTER_SECONDS, RequestStream, T, logger


class ThreadRequestStream(RequestStream):
    """Runs the request in a thread of its own, and writes the response from a queue."""

    def __init__(self, request_id: RequestId, era: Era) -> None:
        super().__init__(request_id, era)
        self._is_left = False
        self._aside: ThreadPoolExecutor | None = None

    @cached_property
    def _queue(self) -> "queue.Queue[str | Reply]":
        """Made when it is wanted: most requests say nothing before their reply."""
        return queue.Queue(OUTBOX_LIMIT)

    def notify(self, method: str, params: Mapping[str, Any]) -> None:
        self.send({"jsonrpc": "2.0", "method": method, "params": params})

    def send(self, message: Mapping[str, Any]) -> None:
        self._say(to_json_text(message))

    def ask(self, question: Question) -> Any:
        client_question = ClientQuestion(question, self)
        steps, result = client_question.steps(), None
        try:
            while True:
                step = steps.send(result)
                if callable(step):
                    result = self._beside(step)
                else:
                    # Nothing can wake this thread: WSGI has no event loop.
                    time.sleep(min(0.2, mcp_settings.POLL_SECONDS, step))
                    result = None
        except StopIteration as end:
            return end.value
        finally:
            self._beside(client_question.forget)

    async def aask(self, question: Question) -> Any:
        return await sync_to_async(self.ask, thread_sensitive=False)(question)

    def close(self) -> None:
        """Nothing: without a GET stream there is no coming back."""

    def run(self, work: Callable[[], Reply]) -> "Reply | Iterator[bytes]":
        """The reply, or once the request says something, or takes its time, the lines of its stream."""
        context = contextvars.copy_context()
        _ = self._queue  # Before there are two threads that would make one each.
        threading.Thread(target=context.run, args=(self._work, work), daemon=True).start()
        first = self._wait_for_first()
        if not isinstance(first, Reply):
            return self._lines(first)
        self.transcript.end()
        return first

    def _wait_for_first(self) -> str | Reply | None:
        """The first thing that the request says; `None` when it was silent for so long that the stream must open."""
        deadline = time.monotonic() + mcp_settings.KEEPALIVE_SECONDS
        seconds = WATCH_AFTER_SECONDS
        while time.monotonic() < deadline:
            try:
                return self._queue.get(timeout=seconds)
            except queue.Empty:
                # From now on it can be cancelled.
                self.transcript.make_known()
                self._look()
                seconds = min(self._look_seconds(), max(deadline - time.monotonic(), 0))
        return None

    def _say(self, item: str | Reply) -> None:
        """Waits for room, for as long as somebody writes what is said."""
        while not self._is_left:
            with contextlib.suppress(queue.Full):
                return self._queue.put(item, timeout=1)

    def _work(self, work: Callable[[], Reply]) -> None:
        try:
            self._say(work())
        except Exception:
            logger.exception("Answering failed")
            self._say(replies.INTERNAL)
        finally:
            connections.close_all()
            if self._aside is not None:
                self._aside.submit(connections.close_all)
                self._aside.shutdown(wait=False)

    def _beside(self, function: Callable[..., T], *args: Any) -> T:
        """What a function of the event store returns, run in a thread beside the tool's: in the tool's own, it would be
        part of its transaction, and nobody else would see it before the end.
        """
        if self._aside is None:
            self._aside = ThreadPoolExecutor(max_workers=1)
        return self._aside.submit(function, *args).result()

    def _lines(self, item: str | Reply | None) -> Iterator[bytes]:
        try:
            yield self.transcript.open() or sse.KEEPALIVE
            looked = time.monotonic()
            while True:
                if isinstance(item, Reply):
                    yield self.transcript.add([item.body.decode()], is_last=True)
                    return
                yield self.transcript.add([item]) if item is not None else sse.KEEPALIVE
                try:
                    item = self._queue.get(timeout=self._look_seconds())
                except queue.Empty:
                    item = None
                if time.monotonic() - looked >= self._look_seconds():
                    looked = time.monotonic()
                    self._look()
        except GeneratorExit:
            self._is_left = True
            if self.era == "modern":
                self.cancelled = True
            raise

    def _look_seconds(self) -> float:
        return float(mcp_settings.POLL_SECONDS if self.session is not None else mcp_settings.KEEPALIVE_SECONDS)

    def _look(self) -> None:
        if self.session is not None and events.renew_stream(self.session.pk, self.transcript.key):
            self.cancelled = True
