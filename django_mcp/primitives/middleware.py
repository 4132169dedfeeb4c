"""Middleware: code of the project before and after each call of a tool, resource or prompt.

A middleware is a generator that yields once, as for `contextlib.contextmanager`; the same one serves sync and async
functions.
"""

from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

from .context import Context

Middleware: TypeAlias = Callable[["Invocation"], Generator[None, None, None]]


@dataclass(slots=True)
class Invocation:
    """A call as middleware sees it: `method` is "tools/call", "resources/read" or "prompts/get", `name` is the tool's
    or prompt's name or the resource's URI, and `arguments` are the validated arguments.

    `value` is the function's return value, after the yield. If a middleware calls `answer` before the yield, the
    function is not called; after the yield, `answer` replaces the return value.
    """

    ctx: Context
    method: str
    name: str
    arguments: Mapping[str, Any]
    value: Any = None
    is_answered: bool = False

    def answer(self, value: Any) -> None:
        """Sets the return value of the call."""
        self.value, self.is_answered = value, True


def wrap(
    function: Callable[..., Any], *, is_async: bool, middleware: Iterable[Middleware], invocation: Invocation
) -> Callable[..., Any]:
    """The function with middleware around it, sync or async as before. The first middleware is the outermost."""
    managers = [contextmanager(generator) for generator in middleware]

    def enter(stack: ExitStack) -> bool:
        for manager in managers:
            stack.enter_context(manager(invocation))
        return not invocation.is_answered

    def call(*args: Any, **kwargs: Any) -> Any:
        with ExitStack() as stack:
            if enter(stack):
                invocation.answer(function(*args, **kwargs))
        return invocation.value

    async def acall(*args: Any, **kwargs: Any) -> Any:
        with ExitStack() as stack:
            if enter(stack):
                invocation.answer(await function(*args, **kwargs))
        return invocation.value

    return acall if is_async else call
