"""Tasks: calls of tools that go on after their reply, in a worker of Django's tasks framework.

"django_mcp.contrib.tasks" in INSTALLED_APPS, and `Tasks()` among a server's extensions. It is the extension
`io.modelcontextprotocol/tasks` of revision 2026-07-28.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .extension import Tasks as Tasks

__all__ = ["Tasks"]


def __getattr__(name: str) -> Any:
    # Late, because the class needs the models, which Django loads after this package.
    if name == "Tasks":
        from .extension import Tasks

        return Tasks
    raise AttributeError(name)
