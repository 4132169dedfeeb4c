"""The options of `@tool` for tasks: a mistake keeps the project from starting."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from django_mcp import MCPServer
from django_mcp.contrib.tasks import Tasks
from tests.tables import cases


def tool(a: int) -> str:
    return str(a)


async def atool(a: int) -> str:
    return str(a)


def before(a: int) -> None: ...


def other(b: int) -> None: ...


@cases(
    ("function", "options", "message"),
    [
        (tool, {"task": "sometimes"}, "task is one of never, optional, required, not 'sometimes'"),
        (tool, {"task": True}, "task is one of"),
        (tool, {"task_ttl": 5}, "its other options of tasks need task='optional' or 'required'"),
        (tool, {"task": "optional", "task_ttl": 0}, "task_ttl is a number of seconds, not 0"),
        (tool, {"task": "optional", "poll_seconds": "5"}, "poll_seconds is a number of seconds, not '5'"),
        (tool, {"task": "optional", "before_task": other}, "before_task takes 'b', which the tool does not"),
        (atool, {"task": "optional", "before_task": before}, "before_task is a coroutine function if the tool is one"),
    ],
)
def test_a_mistake_names_its_remedy(function, options, message):
    with pytest.raises(ImproperlyConfigured, match=message):
        MCPServer("test", extensions=[Tasks()]).tool(**options)(function)


def test_a_tool_that_never_is_a_task_may_say_so():
    MCPServer("test", extensions=[Tasks()]).tool(task="never")(tool)
