"""Receivers of signals: they store a change when the transaction commits, and wake the streams that it concerns. When a
user's permissions change, only this user's lists change. The purge reaches the servers' extensions from here.

They work wherever Django does: in a view, a task queue's worker, a signal handler, a shell.
"""

from collections.abc import Collection, Iterable
from typing import Any, Final

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, PermissionsMixin
from django.db import router, transaction
from django.db.models.signals import m2m_changed

from django_mcp.authentication import principal_key
from django_mcp.bus import bell
from django_mcp.models import EVERYBODY, Session, to_json_text
from django_mcp.primitives.resources import Resource, ResourceTemplate
from django_mcp.server import MCPServer, all_servers, guarded_servers
from django_mcp.signals import credential_ended, server_changed, session_message, session_terminated
from django_mcp.storage import changes, sessions, standalone
from django_mcp.storage.purge import Allowance, also_purged

MEMBERS_LIMIT: Final = 1000
"""A change of a larger group counts as a change for all users: one row instead of a thousand."""


def connect() -> None:
    """Connects the receivers; called once, when the app is ready."""
    server_changed.connect(publish_change, dispatch_uid="django_mcp")
    if purge_extensions not in also_purged:
        also_purged.append(purge_extensions)
    session_message.connect(publish_message, dispatch_uid="django_mcp")
    session_terminated.connect(ring_terminated, dispatch_uid="django_mcp")
    credential_ended.connect(end_sessions, dispatch_uid="django_mcp")
    m2m_changed.connect(_group_changed, sender=Group.permissions.through, dispatch_uid="django_mcp")
    user_model: Any = get_user_model()
    if issubclass(user_model, PermissionsMixin):
        for field in (user_model.groups, user_model.user_permissions):
            m2m_changed.connect(_user_changed, sender=field.through, dispatch_uid="django_mcp")


def publish_change(*, server: str, method: str, uri: str, principal: str | None, **kwargs: Any) -> None:
    def publish() -> None:
        changes.record_change(server, method, uri=uri, principal=EVERYBODY if principal is None else principal)
        bell.ring([bell.server_group(server)])

    _on_commit(publish)


def publish_message(*, session_pk: int, message: dict[str, Any], **kwargs: Any) -> None:
    text = to_json_text(message)

    def publish() -> None:
        standalone.publish(session_pk, text)
        bell.ring([bell.session_group(session_pk)])

    _on_commit(publish)


def ring_terminated(*, session_pk: int, **kwargs: Any) -> None:
    """Wakes the streams and calls of a terminated session, so that they end."""
    bell.ring([bell.session_group(session_pk), bell.calls_group(session_pk)])


def end_sessions(*, principal: str, **kwargs: Any) -> None:
    """Terminates the sessions of a principal whose credential was revoked; not those of anonymous callers."""
    if principal:
        _on_commit(lambda: sessions.terminate_all(Session.objects.for_principal(principal)))


def purge_extensions(*, batch_size: int, dry_run: bool, allowance: Allowance) -> dict[str, int]:
    """Deletes the rows of the servers' extensions that have aged, and returns their numbers by a plural noun. An
    extension of several servers is asked once.
    """
    extensions = {type(extension): extension for server in all_servers() for extension in server.extensions}
    counts: dict[str, int] = {}
    for extension in extensions.values():
        limit: dict[str, Any] = {} if allowance.left is None else {"limit": allowance.left}
        counts |= (found := extension.purge(batch_size=batch_size, dry_run=dry_run, **limit))
        allowance.spend(sum(found.values()))
    return counts


def _on_commit(publish: Any) -> None:
    transaction.on_commit(publish, using=router.db_for_write(Session), robust=True)


def _user_changed(*, instance: Any, action: str, reverse: bool, pk_set: Collection[Any] | None, **kwargs: Any) -> None:
    """Notifies users of changed permissions. `instance` is a user, or with `reverse` a group or permission of the users
    in `pk_set`.
    """
    if action not in ("post_add", "post_remove", "pre_clear", "post_clear"):
        return
    if not reverse:
        _announce([instance])
    elif pk_set is not None:
        _announce(get_user_model()._default_manager.filter(pk__in=pk_set))
    elif action == "pre_clear":
        _announce(instance.user_set.all())


def _group_changed(*, instance: Any, action: str, reverse: bool, pk_set: Collection[Any] | None, **kwargs: Any) -> None:
    """Notifies users of changed permissions. `instance` is a group, or with `reverse` a permission of the groups in
    `pk_set`.
    """
    if action not in ("post_add", "post_remove", "pre_clear"):
        return
    groups = Group.objects.filter(pk=instance.pk) if not reverse else instance.group_set.all()
    if reverse and pk_set is not None:
        groups = Group.objects.filter(pk__in=pk_set)
    _announce(get_user_model()._default_manager.filter(groups__in=groups).distinct())


def _announce(users: Iterable[Any]) -> None:
    servers = guarded_servers()
    if not servers:
        return
    members = list(users if isinstance(users, list) else users[: MEMBERS_LIMIT + 1])  # type: ignore[index]
    principals = [principal_key(user) for user in members] if len(members) <= MEMBERS_LIMIT else [None]
    for server in servers:
        for principal in principals:
            _notify(server, principal)


def _notify(server: MCPServer, principal: str | None) -> None:
    registry = server.registry
    if any(tool.access for tool in registry.tools.values()):
        server.notify_tools_changed(principal=principal)
    resources: list[Resource | ResourceTemplate] = [*registry.resources.values(), *registry.templates.values()]
    if any(entry.access for entry in resources):
        server.notify_resources_changed(principal=principal)
    if any(prompt.access for prompt in registry.prompts.values()):
        server.notify_prompts_changed(principal=principal)
