"""The calls that run in this process: kept in memory, and written to the table when they have run for a second.

A short call costs two operations on a dict, and no row. The watch of the process calls `sync()`.
"""

import itertools
import logging
import os
import secrets
import socket
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.utils import timezone

from django_mcp.asgi.stream import open_streams
from django_mcp.bus import bell
from django_mcp.conf import mcp_settings
from django_mcp.contrib.times import stored
from django_mcp.models import label
from django_mcp.observers import ObservedCall, Observer

from .board import Stops, names_of
from .models import CALLERS, Process, RunningCall, alias
from .switches import GROUP, note

logger = logging.getLogger("django_mcp")

LONG: Final = timedelta(seconds=1)
"""A call that has run for longer is written to the table."""

BEAT: Final = timedelta(seconds=5)
"""How often a process says that it is alive."""

DEAD: Final = timedelta(seconds=20)
"""A process that has said nothing for this long counts as dead."""

METHOD_OF: Final = {"tool": "tools/call", "resource": "resources/read", "prompt": "prompts/get"}


class Running(Observer):
    """The calls of this process that run now."""

    def __init__(self) -> None:
        self._calls: dict[int, tuple[int, ObservedCall]] = {}
        self._numbers = itertools.count(1)
        self._written: set[int] = set()
        self._process: Process | None = None
        self._pid = 0

    def __len__(self) -> int:
        return len(self._calls)

    def started(self, call: ObservedCall) -> None:
        self._calls[id(call)] = (next(self._numbers), call)

    def finished(self, call: ObservedCall) -> None:
        self._calls.pop(id(call), None)

    def sync(self, now: datetime | None = None) -> None:
        """Writes the long calls, deletes those that have ended, and cancels those that an operator wants to end."""
        now = now or timezone.now()
        process = self._beat(now)
        running = dict(list(self._calls.values()))
        started_before = datetime.now().astimezone() - LONG
        new = [number for number, call in running.items() if call.started_at <= started_before]
        new = sorted(set(new) - self._written)[: max(0, mcp_settings.OPERATIONS_RUNNING_CALLS - len(self._written))]
        rows = RunningCall.objects.using(alias())
        if new:
            rows.bulk_create(_row_of(process, number, running[number]) for number in new)
            self._written.update(new)
        if ended := self._written - running.keys():
            rows.filter(process=process, number__in=ended).delete()
            self._written -= ended
        if self._written:
            asked = rows.filter(process=process, cancel_asked_at__isnull=False)
            for number in asked.values_list("number", flat=True):
                cancel(running.get(number))

    def note_switches(self, before: Stops, after: Stops) -> None:
        """Cancels the running calls of targets that were stopped just now, where their switch says so."""
        stopped = {
            target
            for target, stop in after.by_target.items()
            if stop.cancels and before.by_target.get(target) != stop and stop.holds()
        }
        if stopped:
            for _number, call in list(self._calls.values()):
                if stopped & _targets_of(call):
                    cancel(call)

    def _beat(self, now: datetime) -> Process:
        """This process' row, written every few seconds. Deletes those of dead processes."""
        process = self._process
        if process is not None and self._pid == os.getpid() and now - process.seen_at < BEAT:
            return process
        processes = Process.objects.using(alias())
        if process is None or self._pid != os.getpid():
            self._pid, self._written = os.getpid(), set()
            process = Process(name=f"{socket.gethostname()[:60]}:{self._pid}:{secrets.token_hex(4)}", started_at=now)
        process.seen_at, process.running, process.streams = now, len(self), len(open_streams)
        counts = {"seen_at": now, "running": process.running, "streams": process.streams}
        if not process.pk or not processes.filter(pk=process.pk).update(**counts):
            # Another process took this one for dead, and deleted its rows.
            process.pk = None
            process.save(using=alias(), force_insert=True)
            self._written = set()
        for dead in processes.filter(seen_at__lt=now - DEAD * 3)[:100]:
            dead.delete()
        self._process = process
        return process


def cancel(call: ObservedCall | None) -> None:
    """Cancels a call as its client could. A sync function without a context runs to its end, and is rolled back."""
    stream = call.stream if call is not None else None
    if stream is not None and not stream.cancelled:
        with suppress(RuntimeError):  # Its event loop is closed: the call has ended. Others are still to be cancelled.
            stream.cancel()


def ask_to_cancel(rows: Any, by: Any) -> int:
    """Asks the processes of these calls to cancel them, and returns the number of calls."""
    asked = list(rows.filter(cancel_asked_at__isnull=True))
    with transaction.atomic(using=alias()):
        for row in asked:
            RunningCall.objects.using(alias()).filter(pk=row.pk).update(cancel_asked_at=timezone.now())
            note(row, by, f"Asked to cancel a call of {row.user_name or row.principal or 'somebody'}.")
        transaction.on_commit(lambda: bell.ring([GROUP]), using=alias(), robust=True)
    return len(asked)


def alive(now: datetime | None = None) -> Any:
    """The processes that are alive."""
    return Process.objects.using(alias()).filter(seen_at__gte=(now or timezone.now()) - DEAD)


def _row_of(process: Process, number: int, call: ObservedCall) -> RunningCall:
    return RunningCall(
        process=process,
        number=number,
        started_at=stored(call.started_at),
        server=call.server[:200],
        method=call.method,
        name=label(call.name, 255),
        principal=call.principal.key,
        user_name=label(str(call.principal.user), 150) if call.principal.key else "",
        client_name=label(call.client_info.get("name"), 100),
        session_pk=getattr(call.session, "pk", None),
    )


def _targets_of(call: ObservedCall) -> set[tuple[str, str, str]]:
    """The targets whose stop concerns a call: its primitive, its server and its caller."""
    kind = next((kind for kind, method in METHOD_OF.items() if method == call.method), "")
    key = getattr(call.primitive, "key", call.name)
    names = {
        (kind, call.name),
        (kind, key),
        *(pair for pair in names_of(call.principal) if pair[0] in CALLERS and pair[1]),
    }
    return {(kind, server, name) for kind, name in names for server in ("", call.server)} | {
        ("server", call.server, "")
    }


running: Final = Running()
"""The calls of this process."""
