"""A run of a task in a worker: the tool is called as its user, and its outcome is stored.

While the tool runs, a thread beside it renews the lease, stores the progress, and looks whether the task was cancelled,
and whether its caller may still call.
"""

import json
import logging
import threading
import time
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

from django.db import DatabaseError, connections
from pydantic_core import to_json

from django_mcp.conf import mcp_settings
from django_mcp.exceptions import ClientCannot
from django_mcp.extensions import DeferredCall, Ended, run_tool, servers
from django_mcp.models import label
from django_mcp.primitives.asking import Question
from django_mcp.protocol.errors import INTERNAL_ERROR, ProtocolError

from . import storage
from .callers import CallerGone, caller_of
from .models import MESSAGE_LENGTH, Task

if TYPE_CHECKING:
    import asyncio

logger = logging.getLogger("django_mcp")

LOOKS_EVERY_SECONDS: Final = 1.0
"""The interval at which a run's progress is stored, and at which it learns that its task was cancelled."""

GONE: Final = "The user of this task, or the credential that it was made with, may not call any more"

_swept_at = float("-inf")


class TaskStream:
    """The stream of a call in a task: its progress becomes the task's message, and other notifications are dropped."""

    def __init__(self) -> None:
        self.cancelled = False
        self._message: str | None = None
        self._coroutine: tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]] | None = None

    def notify(self, method: str, params: Mapping[str, Any]) -> None:
        if method == "notifications/progress":
            self._message = _message_of(params)

    def take_message(self) -> str | None:
        """The message since the last one that was taken."""
        message, self._message = self._message, None
        return message

    def cancel(self) -> None:
        """Cancels the call: a coroutine at once, another function when it looks."""
        self.cancelled = True
        if (running := self._coroutine) is not None:
            loop, task = running
            loop.call_soon_threadsafe(task.cancel)

    def runs_in(self, task: "asyncio.Task[Any] | None") -> None:
        self._coroutine = None if task is None else (task.get_loop(), task)

    def ask(self, question: Question) -> Any:
        raise ClientCannot("A task has no connection to its client.")

    async def aask(self, question: Question) -> Any:
        return self.ask(question)

    def close(self) -> None:
        """Does nothing: there is no connection."""


class Beside:
    """A thread beside a run. It queries nothing in the first second, which is all that most runs take."""

    def __init__(self, task: Task, stream: TaskStream) -> None:
        self._task = task
        self._stream = stream
        self._ended = threading.Event()
        self._asked_at = time.monotonic()
        self._thread = threading.Thread(target=self._look, name=f"mcp-task-{task.short_id}", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        try:
            while not self._ended.wait(LOOKS_EVERY_SECONDS):
                self._look_once()
        finally:
            connections.close_all()

    def _look_once(self) -> None:
        try:
            if not storage.renew(self._task, self._stream.take_message()) or self._caller_is_gone():
                self._stream.cancel()
        except DatabaseError as error:
            # SQLite has one writer, which may be the tool.
            logger.warning("The lease of task %s was not renewed: %r", self._task.short_id, error)

    def _caller_is_gone(self) -> bool:
        """Asks as often as an open stream does, and cancels the task of a caller who may not call any more."""
        if time.monotonic() - self._asked_at < mcp_settings.KEEPALIVE_SECONDS:
            return False
        self._asked_at = time.monotonic()
        try:
            caller_of(self._task)
        except CallerGone:
            return storage.cancel(self._task)
        return False


def run_once(task_id: str, run: int) -> None:
    """Makes a run of a task, if it is still to be made."""
    task = storage.claim(task_id, run)
    if task is not None:
        try:
            _store(task, _run(task))
        except Exception:
            raise
        except BaseException:
            # The worker is told to end at once.
            storage.abandon(task)
            raise
    _sweep_now_and_then()


def _run(task: Task) -> Ended:
    server = next((server for server in servers() if server.name == task.server), None)
    if server is None:
        return Ended(error=ProtocolError(INTERNAL_ERROR, "The server of this task does not exist any more"))
    stream = TaskStream()
    try:
        caller = caller_of(task)
    except CallerGone:
        return Ended(error=ProtocolError(INTERNAL_ERROR, GONE))
    call = DeferredCall(
        id=task.task_id,
        tool=task.tool,
        arguments=task.arguments,
        caller=caller,
        stream=stream,
        client_info=task.client_info,
        client_capabilities=task.client_capabilities,
        answers=task.answers,
        state=task.state,
        round=task.round,
    )
    with Beside(task, stream):
        ended = run_tool(server, call)
    if (message := stream.take_message()) is not None:
        storage.renew(task, message)
    return ended


def _store(task: Task, ended: Ended) -> None:
    if ended.is_cancelled:
        storage.stop(task)
    elif ended.error is not None:
        storage.fail(task, ended.error)
    elif ended.questions:
        questions = {key: question.to_wire() for key, question in ended.questions.items()}
        storage.ask(task, questions, ended.state)
    else:
        storage.complete(task, _bounded(task, ended.result or {}))


def _bounded(task: Task, result: dict[str, Any]) -> dict[str, Any]:
    size, limit = _size_of(result), mcp_settings.TASK_RESULT_BYTES
    if size <= limit:
        return result
    logger.error(
        "The result of task %s (%s) has %d bytes: MCP_TASK_RESULT_BYTES is less", task.short_id, task.tool, size
    )
    text = f"The result has {size} bytes, and a task keeps at most {limit}. Ask for less."
    return {"content": [{"type": "text", "text": text}], "isError": True}


def _size_of(result: Mapping[str, Any]) -> int:
    try:
        return len(to_json(result, inf_nan_mode="null", fallback=str))
    except ValueError:
        # A lone surrogate cannot be encoded in UTF-8, but JSON can escape it.
        return len(json.dumps(result, separators=(",", ":"), default=str))


def _message_of(params: Mapping[str, Any]) -> str:
    """The message of a progress report; without one, how far it is."""
    if message := params.get("message"):
        return label(message, MESSAGE_LENGTH)
    done, total = params["progress"], params.get("total")
    return f"{done:g}" if total is None else f"{done:g} of {total:g}"


def _sweep_now_and_then() -> None:
    global _swept_at
    now = time.monotonic()
    if now - _swept_at >= mcp_settings.TASK_LEASE_SECONDS:
        _swept_at = now
        storage.sweep()
