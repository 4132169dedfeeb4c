"""Throwing switches: each change is one transaction that counts the edition up, and one entry in the admin's history.

The row of the edition is locked first, so two operators take turns, and the second one is told what the first has done.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final

from django.apps import apps
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from django_mcp import MCPServer
from django_mcp.authentication import principal_key, user_named
from django_mcp.bus import bell
from django_mcp.conf import MAX_SERVER_NAME
from django_mcp.contrib.times import localtime
from django_mcp.endpoint.routes import mounted_views
from django_mcp.signals import server_changed

from .board import board
from .models import KINDS, Edition, Switch, alias, target_of

GROUP: Final = "mcp.operations"
"""The bell's group of the operators' news."""

MAX_NAME: Final = 1000
MAX_REASON: Final = 500

NOTIFICATIONS: Final = {
    "tool": "notifications/tools/list_changed",
    "resource": "notifications/resources/list_changed",
    "prompt": "notifications/prompts/list_changed",
}
"""The notification of each kind whose lists change."""


class SwitchError(Exception):
    """A switch that cannot be thrown; the text says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Target:
    """Something that can be stopped. `name` is the name in the table, `label` the one for people."""

    kind: str
    server: str
    name: str
    label: str

    @property
    def key(self) -> str:
        return target_of(self.kind, self.server, self.name)


def find_target(kind: str, name: str, server: str = "") -> Target:
    """The target of an operator's words. Raises `SwitchError` for one that cannot be."""
    name, server = name.strip(), server.strip()
    if kind not in KINDS:
        text = _("There is no kind %(kind)r; there are %(kinds)s.")
        raise SwitchError(text % {"kind": kind, "kinds": ", ".join(KINDS)})
    if len(name) > MAX_NAME or len(server) > MAX_SERVER_NAME or (kind == "server" and len(name) > MAX_SERVER_NAME):
        raise SwitchError(_("A name has at most 1000 characters, and a server's at most 200."))
    if not (name + server).isprintable():
        raise SwitchError(_("A name has no control characters."))
    if kind == "server":
        if name and server and name != server:
            raise SwitchError(_("A server is named once."))
        if not (name or server):
            raise SwitchError(_("Name the server."))
        return Target(kind, name or server, "", name or server)
    if not name:
        raise SwitchError(_("Name the %(kind)s.") % {"kind": KINDS[kind]})
    return Target(kind, server, _key_of_user(name) if kind == "user" else name, name[:255])


def _key_of_user(name: str) -> str:
    user = user_named(name)
    if user is None:
        raise SwitchError(_("There is no user %(name)r.") % {"name": name})
    return principal_key(user)


def doubt_of(target: Target) -> str:
    """A warning about a target that this process does not know; "" when it does. It may come from `get_tools()`, or run
    in processes of another version, so it can be stopped all the same.
    """
    servers = {server.name: server for server in _servers()}
    if target.server and target.server not in servers:
        text = _("No server here is named %(server)r; there are %(servers)s.")
        return text % {"server": target.server, "servers": ", ".join(sorted(servers))}
    if target.kind not in NOTIFICATIONS:
        return ""
    asked = [servers[target.server]] if target.server else servers.values()
    if any(_has(server, target) for server in asked):
        return ""
    if target.server:
        text = _("No server %(server)r here has declared the %(kind)s %(name)r. It is stopped wherever it turns up.")
    else:
        text = _("No server here has declared the %(kind)s %(name)r. It is stopped wherever it turns up.")
    return text % {"server": target.server, "kind": KINDS[target.kind], "name": target.name}


def _has(server: MCPServer, target: Target) -> bool:
    registry = server.registry
    if target.kind == "resource":
        return target.name in registry.templates or registry.find_resource(target.name) is not None
    return target.name in (registry.tools if target.kind == "tool" else registry.prompts)


def stop(
    target: Target,
    *,
    reason: str,
    until: datetime | None = None,
    cancels: bool = False,
    by: Any = None,
    how: str = "",
    version: int | None = None,
) -> Switch:
    """Stops a target, and returns its switch. With `version`, changes a stop that is in force, if nobody has changed it
    since. Raises `SwitchError` when another operator was faster.
    """
    if not reason.strip():
        raise SwitchError(_("Give a reason: clients and other operators read it."))
    if len(reason.strip()) > MAX_REASON:
        raise SwitchError(_("A reason has at most %(most)d characters.") % {"most": MAX_REASON})
    if until is not None and until <= timezone.now():
        raise SwitchError(_("The end must be in the future."))
    with transaction.atomic(using=alias()):
        _next_edition()
        row = _row_of(target)
        _check_version(row, version)
        if row.is_off() and version is None:
            text = _("The %(target)s is stopped already: %(reason)s (%(by)s)")
            raise SwitchError(text % {"target": row, "reason": row.reason, "by": _by(row)})
        row.reason, row.until, row.cancels = reason.strip(), until, cancels
        if version is None:
            row.is_stopped, row.stopped_at, row.stopped_by = True, timezone.now(), by
        row.version += 1
        row.save(using=alias())
        did = "Stopped" if version is None else "Changed"
        ends = f", until {localtime(until):%Y-%m-%d %H:%M}" if until is not None else ""
        note(row, by, f"{did}{ends}{how}: {row.reason}{' Running calls are cancelled.' if cancels else ''}")
        _announce_on_commit(row)
    return row


def start(target: Target, *, by: Any = None, reason: str = "", how: str = "") -> Switch:
    """Starts a target again, and returns its switch. Raises `SwitchError` when it is not stopped."""
    with transaction.atomic(using=alias()):
        _next_edition()
        row = _row_of(target)
        if not row.is_stopped:
            raise SwitchError(_("The %(target)s is not stopped.") % {"target": row})
        row.is_stopped = False
        row.version += 1
        row.save(using=alias())
        note(row, by, f"Started{how}{f': {reason}' if reason else ''}.")
        _announce_on_commit(row)
    return row


def start_expired() -> int:
    """Starts the targets whose time is over, and returns their number. Any process may do it; each is started once."""
    now, started = timezone.now(), 0
    for row in Switch.objects.using(alias()).filter(is_stopped=True, until__lte=now)[:100]:
        with transaction.atomic(using=alias()):
            _next_edition()
            own = Switch.objects.using(alias()).filter(pk=row.pk, is_stopped=True, version=row.version)
            if not own.update(is_stopped=False, version=F("version") + 1):
                transaction.set_rollback(True, using=alias())
                continue
            note(row, row.stopped_by, "Started: its time was over.")
            _announce_on_commit(row)
            started += 1
    return started


def _next_edition() -> None:
    """Counts the edition up, and so locks its row until the end of the transaction."""
    rows = Edition.objects.using(alias())
    if not rows.filter(pk=1).update(number=F("number") + 1):
        rows.get_or_create(pk=1)
        rows.filter(pk=1).update(number=F("number") + 1)


def _row_of(target: Target) -> Switch:
    row = Switch.objects.using(alias()).filter(target=target.key).first()
    return row or Switch(
        kind=target.kind, server=target.server, name=target.name, label=target.label, target=target.key
    )


def _check_version(row: Switch, version: int | None) -> None:
    if version is not None and (row.version != version or not row.is_stopped):
        text = _("Another operator has changed the %(target)s meanwhile. Look again before you change it.")
        raise SwitchError(text % {"target": row})


def _by(row: Switch) -> str:
    who = _("by %(user)s") % {"user": row.stopped_by} if row.stopped_by is not None else _("by an operator")
    return f"{who}, {localtime(row.stopped_at):%Y-%m-%d %H:%M}" if row.stopped_at is not None else who


def note(row: Any, by: Any, message: str) -> None:
    """Adds an entry to the admin's history, where the admin is installed. An entry needs a user."""
    if by is None or not apps.is_installed("django.contrib.admin"):
        return
    from django.contrib.admin.models import CHANGE, LogEntry

    LogEntry.objects.log_actions(by.pk, [row], CHANGE, message)


def _announce_on_commit(row: Switch) -> None:
    transaction.on_commit(partial(_announce, row), using=alias(), robust=True)


def _announce(row: Switch) -> None:
    board.refresh()
    bell.ring([GROUP])
    announce([(row.kind, row.server)])


def announce(targets: Iterable[tuple[str, str]]) -> None:
    """Tells clients that the lists with these kinds, of these servers ("" is every server), have changed."""
    for kind, server in sorted(set(targets)):
        if (method := NOTIFICATIONS.get(kind)) is None:
            continue
        for name in [server] if server else sorted({one.name for one in _servers()}):
            server_changed.send_robust(sender=MCPServer, server=name, method=method, uri="", principal=None)


def _servers() -> list[MCPServer]:
    """The servers that the project's endpoints serve."""
    return list({server.name: server for _, view in mounted_views() for server in [view.get_server()]}.values())
