"""The options of `@tool` for tasks."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.core.exceptions import ImproperlyConfigured

from django_mcp.conf import mcp_settings
from django_mcp.extensions import DeclaredTool, ToolCall
from django_mcp.primitives import signatures

MODES: Final = ("never", "optional", "required")


@dataclass(frozen=True, slots=True)
class TaskOptions:
    """Whether a call becomes a task, how long it is kept, how often clients ask for it, and the function that asks its
    client beforehand.
    """

    mode: str
    ttl_seconds: float | None
    poll_seconds: float | None
    before: Callable[..., Any] | None
    names: tuple[str, ...] = ()
    context_names: tuple[str, ...] = ()

    @property
    def may_be_task(self) -> bool:
        return self.mode != "never"

    @property
    def must_be_task(self) -> bool:
        return self.mode == "required"

    @property
    def ttl(self) -> float:
        return mcp_settings.TASK_TTL_SECONDS if self.ttl_seconds is None else self.ttl_seconds

    @property
    def poll(self) -> float:
        return mcp_settings.TASK_POLL_SECONDS if self.poll_seconds is None else self.poll_seconds

    def arguments_of(self, call: ToolCall) -> Mapping[str, Any]:
        """The arguments of `before`: those of the tool that it names, and the context."""
        own = {name: call.bound[name] for name in self.names if name in call.bound}
        return own | dict.fromkeys(self.context_names, call.ctx)


def read_options(tool: DeclaredTool) -> TaskOptions:
    """The options of a tool. Raises `ImproperlyConfigured` with the remedy."""
    mode, before = tool.options.get("task", "never"), tool.options.get("before_task")
    if mode not in MODES:
        raise ImproperlyConfigured(f"{tool.label}: task is one of {', '.join(MODES)}, not {mode!r}.")
    if mode == "never" and tool.options.keys() - {"task"}:
        raise ImproperlyConfigured(f"{tool.label}: its other options of tasks need task='optional' or 'required'.")
    for name in ("task_ttl", "poll_seconds"):
        value = tool.options.get(name)
        if value is not None and not (isinstance(value, int | float) and value > 0):
            raise ImproperlyConfigured(f"{tool.label}: {name} is a number of seconds, not {value!r}.")
    ttl, poll = tool.options.get("task_ttl"), tool.options.get("poll_seconds")
    if before is None:
        return TaskOptions(mode, ttl, poll, None)
    contexts = tuple(signatures.read(before).context_names)
    names = tuple(name for name in inspect.signature(before).parameters if name not in contexts)
    known = inspect.signature(tool.function).parameters
    if unknown := [name for name in names if name not in known]:
        raise ImproperlyConfigured(f"{tool.label}: before_task takes {unknown[0]!r}, which the tool does not.")
    if signatures.is_async(before) != signatures.is_async(tool.function):
        raise ImproperlyConfigured(f"{tool.label}: before_task is a coroutine function if the tool is one.")
    return TaskOptions(mode, ttl, poll, before, names, contexts)
