"""`Tasks`: the extension `io.modelcontextprotocol/tasks`, whose calls of tools go on in a worker."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from asgiref.sync import sync_to_async
from django.contrib.auth import get_user_model
from django.core.checks import CheckMessage
from django.db import DatabaseError
from django.utils import timezone
from django.utils.translation import gettext_noop
from pydantic import BaseModel, ConfigDict, Field

from django_mcp import Context, ProtocolError
from django_mcp.conf import mcp_settings
from django_mcp.extensions import (
    DeclaredTool,
    Extension,
    ExtensionMethod,
    ExtensionResult,
    Instead,
    ListenKey,
    ToolCall,
    ToolPart,
    not_declared,
)
from django_mcp.primitives.context import Caller
from django_mcp.primitives.signatures import is_async
from django_mcp.protocol.errors import INVALID_PARAMS, INVALID_REQUEST

from . import callers, storage, wire
from .checks import check_backend
from .models import Task
from .options import TaskOptions, read_options

if TYPE_CHECKING:
    from django_mcp import MCPServer


class TaskParams(BaseModel):
    """The parameters of `tasks/get` and `tasks/cancel`."""

    model_config = ConfigDict(strict=True)

    task_id: str = Field(alias="taskId")


class UpdateParams(TaskParams):
    """The parameters of `tasks/update`."""

    answers: dict[str, Any] = Field(alias="inputResponses")


class Tasks(Extension):
    """Tasks on a server. Tools say with `@tool(task="optional")` that a call may become one."""

    id = "io.modelcontextprotocol/tasks"
    is_official = True
    result_types = ("task",)
    tool_options = ("task", "task_ttl", "poll_seconds", "before_task")

    def methods(self) -> Iterable[ExtensionMethod]:
        return [
            ExtensionMethod(name="tasks/get", params=TaskParams, handler=self._get, name_source="taskId"),
            ExtensionMethod(name="tasks/update", params=UpdateParams, handler=self._update, name_source="taskId"),
            ExtensionMethod(name="tasks/cancel", params=TaskParams, handler=self._cancel, name_source="taskId"),
        ]

    def listen_keys(self) -> Iterable[ListenKey]:
        return [ListenKey(name="taskIds", notification=storage.NOTIFICATION, accept=_known, payload=_payload)]

    def read_tool(self, server: "MCPServer", tool: DeclaredTool) -> ToolPart:
        return ToolPart(data=read_options(tool))

    def intercept(self, call: ToolCall) -> Instead | None:
        options: TaskOptions | None = call.data
        if options is None or not options.may_be_task:
            return None
        if call.ctx.era != "modern" or not call.ctx.client_supports(self.id):
            if options.must_be_task:
                raise not_declared(self)
            return None
        if not _can_be_loaded(call.ctx):
            if options.must_be_task:
                raise ProtocolError(INVALID_REQUEST, "This tool runs for users of the project only", status=403)
            return None
        if options.before is None:
            return Instead(partial(_create, call, options))
        return Instead(partial(_aask_and_create if is_async(options.before) else _ask_and_create, call, options))

    def checks(self, server: "MCPServer") -> Iterable[CheckMessage]:
        return check_backend()

    def purge(self, *, batch_size: int, dry_run: bool, limit: int | None = None) -> Mapping[str, int]:
        if not dry_run:
            storage.sweep(batch_size if limit is None else limit)
        return {gettext_noop("tasks"): storage.purge(batch_size, dry_run=dry_run, limit=limit)}

    def _get(self, params: TaskParams, ctx: Context) -> Mapping[str, Any]:
        return wire.state_of(_find(params, ctx))

    def _update(self, params: UpdateParams, ctx: Context) -> None:
        task = _find(params, ctx)
        wire.check_answers(task, params.answers)
        storage.answer(task, params.answers)

    def _cancel(self, params: TaskParams, ctx: Context) -> None:
        storage.cancel(_find(params, ctx))


def _find(params: TaskParams, ctx: Context) -> Task:
    """The caller's task. Raises the same error for one that is unknown, over, or somebody else's."""
    task = storage.find(params.task_id, ctx.server.name, ctx.principal.key)
    if task is None:
        raise ProtocolError(INVALID_PARAMS, "Unknown task")
    if task.lease_until is not None and task.lease_until <= timezone.now():
        try:
            storage.settle(task)
        except DatabaseError:
            return task  # Another writer has the database.
        task.refresh_from_db()
    return task


def _known(value: Any, ctx: Context) -> list[str]:
    """The ids of the caller's own tasks among those that a client wants to hear of."""
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise ProtocolError(
            INVALID_PARAMS, "Invalid params: notifications.taskIds must be a list of strings", status=400
        )
    ids = list(filter(storage.is_task_id, value))
    own = storage.tasks().live().filter(server=ctx.server.name, principal=ctx.principal.key, task_id__in=ids)
    known = set(own.values_list("task_id", flat=True))
    return [one for one in dict.fromkeys(value) if one in known]


def _payload(task_id: str, caller: Caller) -> Mapping[str, Any] | None:
    """The state of a task, if it is still the caller's. The stream's server is that of the change."""
    task = storage.tasks().live().filter(task_id=task_id, principal=caller.principal.key).first()
    return None if task is None else wire.state_of(task)


def _can_be_loaded(ctx: Context) -> bool:
    """Whether a worker can load the caller again: a user of the project, or nobody."""
    return not ctx.user.is_authenticated or isinstance(ctx.user, get_user_model())


def _ask_and_create(call: ToolCall, options: TaskOptions) -> ExtensionResult:
    assert options.before is not None
    options.before(**options.arguments_of(call))
    return _create(call, options, call.ctx.answers)


async def _aask_and_create(call: ToolCall, options: TaskOptions) -> ExtensionResult:
    assert options.before is not None
    await options.before(**options.arguments_of(call))
    created: ExtensionResult = await sync_to_async(_create)(call, options, call.ctx.answers)
    return created


def _create(call: ToolCall, options: TaskOptions, answers: Mapping[str, Any] | None = None) -> ExtensionResult:
    """Stores the task of a call, and returns its first state; it is queued when the row is committed."""
    ctx, principal = call.ctx, call.ctx.principal
    account = callers.account_of(ctx)
    _check_limits(account, is_anonymous=not principal.key)
    now = timezone.now()
    task = storage.create(
        server=ctx.server.name,
        user=ctx.user if ctx.user.is_authenticated else None,
        principal=principal.key,
        account=account,
        credential=callers.stored(ctx),
        client_info=dict(ctx.client_info),
        client_capabilities=dict(ctx.client_capabilities),
        tool=call.name,
        arguments=dict(call.arguments),
        is_repeatable=call.is_repeatable,
        answers=dict(answers or {}),
        poll_milliseconds=round(options.poll * 1000),
        created_at=now,
        updated_at=now,
        queued_at=now,
        expires_at=now + timedelta(seconds=options.ttl),
    )
    return ExtensionResult("task", wire.fields_of(task))


def _check_limits(account: str, *, is_anonymous: bool) -> None:
    """Raises `ProtocolError` when the account, or all together, have as many tasks as they may. Anonymous callers have
    half of those of all, so that they lock no user out.
    """
    limits = mcp_settings
    if limits.MAX_TASKS_PER_PRINCIPAL is not None and storage.count_kept(account) >= limits.MAX_TASKS_PER_PRINCIPAL:
        raise ProtocolError(INVALID_REQUEST, "Too many tasks are kept for you: try again later", status=429)
    unfinished = limits.MAX_UNFINISHED_TASKS_PER_PRINCIPAL
    if unfinished is not None and storage.count_unfinished(account=account) >= unfinished:
        raise ProtocolError(INVALID_REQUEST, "Too many unfinished tasks: wait for one, or cancel one", status=429)
    most = limits.MAX_UNFINISHED_TASKS
    if most is not None and (
        storage.count_unfinished() >= most
        or (is_anonymous and storage.count_unfinished(principal="") >= (most + 1) // 2)
    ):
        raise ProtocolError(INVALID_REQUEST, "Too many unfinished tasks: try again later", status=503)
