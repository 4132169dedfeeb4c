"""Middleware around calls: what a project does before and after each tool, resource and prompt, whichever it is.

A middleware is a generator that yields once, as for `contextlib.contextmanager`: it has no colour, so one serves sync
and async functions alike.
"""

from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

from .context import Context

Middleware: TypeAlias = Callable[["Invocation"], Generator[None, None, None]]


@dataclass(slots=True)
class Invocation:
    """A call as middleware sees it: `method` is "tools/call", "resources/read" or "prompts/get", `name` the tool's or
    prompt's name or the resource's URI, `arguments` what the client gave, validated.

    `value` is what the function returned, after the yield. Given by `answer` before it, the function is not called;
    after it, it takes the place of what was returned.
    """

    ctx: Context
    method: str
    name: str
    arguments: Mapping[str, Any]
    value: Any = None
    is_answered: bool = False

    def answer(self, value: Any) -> None:
        """Says what the call returns."""
        self.value, self.is_answered = value, True


def wrap(
    function: Callable[..., Any], *, is_async: bool, middleware: Iterable[Middleware], invocation: Invocation
) -> Callable[..., Any]:
    """The function with middleware around it, of the same colour. The first middleware is the outermost."""
    managers = [contextmanager(one) for one in middleware]

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
