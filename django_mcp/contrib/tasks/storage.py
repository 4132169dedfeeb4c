"""The rows of tasks: every change of one is a function here. All are synchronous.

A change is one conditional UPDATE, or is made under the row's lock, so that of two that race for a task one wins: a
final state never changes.
"""

import logging
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.db import router, transaction
from django.utils import timezone

from django_mcp.conf import mcp_settings
from django_mcp.extensions import servers
from django_mcp.models import label
from django_mcp.primitives.context import Principal
from django_mcp.protocol.errors import INTERNAL_ERROR, ProtocolError

from . import queue
from .models import MESSAGE_LENGTH, UNFINISHED, Status, Task, TaskQuerySet

logger = logging.getLogger("django_mcp")

NOTIFICATION = "notifications/tasks"


def alias() -> str:
    return router.db_for_write(Task)


def tasks() -> TaskQuerySet:
    """All rows, in the database that is written to."""
    rows: TaskQuerySet = Task.objects.using(alias())
    return rows


def find(task_id: str, server: str, principal: str) -> Task | None:
    """A task of a principal on a server, if its time is not over."""
    if not is_task_id(task_id):
        return None
    return tasks().live().filter(task_id=task_id, server=server, principal=principal).first()


def is_task_id(text: str) -> bool:
    """Whether a client's text may be an id: others may hold characters that a database refuses."""
    return 0 < len(text) <= 43 and text.isascii() and text.isprintable()


def create(**values: Any) -> Task:
    """A new task, which is queued on commit. When the queue cannot take it, the row is deleted, and the commit raises
    `ProtocolError`.
    """
    task: Task = tasks().create(run=1, **values)
    _queue(task, otherwise=tasks().filter(pk=task.pk).delete)
    return task


def count_unfinished(**values: str) -> int:
    """The unfinished tasks whose time is not over: of an `account`, of a `principal`, or of all."""
    return tasks().unfinished().live().filter(**values).count()


def count_kept(account: str) -> int:
    """The tasks of an account whose time is not over."""
    return tasks().live().filter(account=account).count()


def claim(task_id: str, run: int) -> Task | None:
    """Takes a queued run for this worker; `None` when there is nothing to take."""
    now = timezone.now()
    queued = tasks().live(now).filter(task_id=task_id, run=run, status=Status.WORKING, started_at__isnull=True)
    if not queued.update(started_at=now, lease_until=_lease(now)):
        return None
    return tasks().filter(task_id=task_id, run=run).first()


def renew(task: Task, message: str | None) -> bool:
    """Renews the lease of a run, and stores the message of its progress. Returns whether the run should go on: not if
    the task was cancelled, its time is over, or another worker has it.
    """
    now = timezone.now()
    changed = {} if message is None else {"message": message, "updated_at": now}
    mine = _run_of(task).live(now).filter(cancel_requested_at__isnull=True)
    return mine.update(lease_until=_lease(now), **changed) > 0


def complete(task: Task, result: Mapping[str, Any]) -> None:
    _end(task, Status.COMPLETED, result=dict(result))


def fail(task: Task, error: ProtocolError) -> None:
    details: dict[str, Any] = {"code": error.code, "message": error.message}
    if error.data is not None:
        details["data"] = error.data
    _end(task, Status.FAILED, error=details, message=label(error.message, MESSAGE_LENGTH))


def stop(task: Task) -> None:
    """Ends a run that was cancelled."""
    _end(task, Status.CANCELLED)


def ask(task: Task, questions: Mapping[str, Mapping[str, Any]], state: Any) -> None:
    """Ends a run with questions to the client, by the tool's keys. A key that was used before gets another name."""
    outstanding, used = {}, list(task.used_keys)
    for key, request in questions.items():
        name, number = key, 1
        while name in used:
            number += 1
            name = f"{key}-{number}"
        used.append(name)
        outstanding[name] = {"key": key, "request": request}
    asked = _run_of(task).filter(cancel_requested_at__isnull=True)
    if asked.update(
        status=Status.INPUT_REQUIRED,
        outstanding=outstanding,
        used_keys=used,
        state=state,
        round=task.round + 1,
        started_at=None,
        lease_until=None,
        updated_at=timezone.now(),
    ):
        announce(task)
    else:
        stop(task)


def answer(task: Task, answers: Mapping[str, Any]) -> None:
    """Takes the client's answers to outstanding questions, by their keys on the wire; others are ignored. With the last
    answer, the task is queued again. When the queue cannot take it, the answers are given back, and the commit raises
    `ProtocolError`.
    """
    with transaction.atomic(using=alias()):
        row = tasks().select_for_update().filter(pk=task.pk, status=Status.INPUT_REQUIRED).first()
        taken = {name: answers[name] for name in row.outstanding if name in answers} if row is not None else {}
        if row is None or not taken:
            return
        before = {"outstanding": row.outstanding, "answers": row.answers, "status": row.status}
        row.answers = row.answers | {row.outstanding[name]["key"]: value for name, value in taken.items()}
        row.outstanding = {name: asked for name, asked in row.outstanding.items() if name not in taken}
        row.updated_at = timezone.now()
        if not row.outstanding:
            row.status, row.queued_at, row.run = Status.WORKING, row.updated_at, row.run + 1
        row.save(using=alias(), update_fields=["answers", "outstanding", "status", "updated_at", "queued_at", "run"])
        announce(row)
        if not row.outstanding:
            _queue(row, otherwise=lambda: _waiting(row).update(**before))


def cancel(task: Task) -> bool:
    """Cancels a task that no worker has at once, and asks the worker of a running one to stop. Returns whether there
    was anything to cancel.
    """
    now = timezone.now()
    row = tasks().filter(pk=task.pk)
    waiting = row.filter(status__in=UNFINISHED, started_at__isnull=True)
    if waiting.update(status=Status.CANCELLED, outstanding={}, cancel_requested_at=now, updated_at=now):
        announce(task)
        return True
    running = row.filter(status=Status.WORKING, started_at__isnull=False, cancel_requested_at__isnull=True)
    return running.update(cancel_requested_at=now) > 0


def cancel_all(*, principal: str, **kwargs: Any) -> None:
    """Cancels the tasks of a principal whose credential has ended: a receiver of `credential_ended`."""
    if principal:
        account = Principal(principal, AnonymousUser()).account
        for task in tasks().unfinished().filter(account=account, principal=principal):
            cancel(task)


def settle(task: Task) -> None:
    """Ends a run that its worker has left: the task fails, or is run again if a call of its tool may be repeated."""
    left = tasks().left_by_dead_workers().filter(pk=task.pk, run=task.run)
    now = timezone.now()
    if task.cancel_requested_at is not None:
        ended = left.update(status=Status.CANCELLED, lease_until=None, updated_at=now)
    elif task.is_repeatable and task.attempts + 1 < mcp_settings.TASK_MAX_ATTEMPTS:
        with transaction.atomic(using=alias()):
            again = {"run": task.run + 1, "attempts": task.attempts + 1, "started_at": None, "lease_until": None}
            if left.update(queued_at=now, **again):
                task.run += 1
                # A job that the queue does not take now is queued later: see `requeue`.
                _queue(task, otherwise=lambda: None, must=False)
        return
    else:
        error = {"code": INTERNAL_ERROR, "message": LOST}
        ended = left.update(status=Status.FAILED, error=error, message=LOST, lease_until=None, updated_at=now)
    if ended:
        logger.warning("The worker of task %s (%s) ended before the task did.", task.short_id, task.tool)
        announce(task)


LOST = "The worker that ran this task ended before the task did"


def abandon(task: Task) -> None:
    """Gives up the lease of a run, as a worker does that is told to end at once."""
    _run_of(task).update(lease_until=timezone.now() - timedelta(seconds=1))
    settle(task)


def sweep(limit: int = 100) -> None:
    """Settles the runs that dead workers have left, and queues those again that seem to be lost."""
    for task in tasks().left_by_dead_workers()[:limit]:
        settle(task)
    requeue(limit)


def requeue(limit: int) -> None:
    """Queues tasks again whose job seems to be lost: a job that is in the queue twice runs once."""
    now = timezone.now()
    before = now - timedelta(seconds=10 * mcp_settings.TASK_LEASE_SECONDS)
    for task in tasks().live(now).queued_since(before)[:limit]:
        with transaction.atomic(using=alias()):
            if tasks().queued_since(before).filter(pk=task.pk, run=task.run).update(queued_at=now):
                _queue(task, otherwise=lambda: None, must=False)


def purge(batch_size: int, *, dry_run: bool, limit: int | None = None) -> int:
    """Deletes the tasks whose time is over, in batches and at most `limit`, and returns how many."""
    expired = tasks().filter(expires_at__lte=timezone.now())
    if dry_run:
        return expired.count()
    deleted = 0
    while batch := list(expired.values_list("pk", flat=True)[: _next(batch_size, deleted, limit)]):
        deleted += tasks().filter(pk__in=batch).delete()[0]
    return deleted


def _next(batch_size: int, deleted: int, limit: int | None) -> int:
    return batch_size if limit is None else min(batch_size, limit - deleted)


def announce(task: Task) -> None:
    """Tells the clients that listen to a task that its state has changed, on commit."""
    for server in _servers_named(task.server):
        if NOTIFICATION in server.tables.notifications:
            server.notify_listeners(NOTIFICATION, task.task_id, principal=task.principal)


def _servers_named(name: str) -> Iterable[Any]:
    return [server for server in servers() if server.name == name][:1]


def _queue(task: Task, *, otherwise: Any, must: bool = True) -> None:
    """Queues a run on commit. Calls `otherwise` when the queue cannot take it; if it `must`, the commit then raises."""

    def put() -> None:
        try:
            queue.put(task.task_id, task.run)
        except Exception as error:
            logger.exception("The queue did not take the task %s", task.short_id)
            otherwise()
            if must:
                message = "The queue of tasks takes nothing now: try again later"
                raise ProtocolError(INTERNAL_ERROR, message, status=503) from error

    transaction.on_commit(put, using=alias())


def _waiting(task: Task) -> TaskQuerySet:
    """The row of a run that is queued, as nobody has taken it."""
    return tasks().filter(pk=task.pk, run=task.run, status=Status.WORKING, started_at__isnull=True)


def _run_of(task: Task) -> TaskQuerySet:
    """The row of a run that this worker has, unless another has it by now."""
    return tasks().filter(pk=task.pk, run=task.run, status=Status.WORKING, started_at__isnull=False)


def _end(task: Task, status: Status, **values: Any) -> None:
    now = timezone.now()
    if _run_of(task).update(status=status, lease_until=None, updated_at=now, **values):
        announce(task)


def _lease(now: datetime) -> datetime:
    return now + timedelta(seconds=mcp_settings.TASK_LEASE_SECONDS)
