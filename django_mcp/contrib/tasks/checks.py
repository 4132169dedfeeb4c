"""System checks of tasks: the app, and the backend that runs them."""

from collections.abc import Iterator

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning
from django.core.exceptions import ImproperlyConfigured

from django_mcp.conf import mcp_settings

from . import queue

IN_PROCESS = {
    "ThreadBackend": "in threads of the web process, and are lost with it",
    "ImmediateBackend": "while their client waits",
}


def check_backend() -> Iterator[CheckMessage]:
    """Reports a missing app, a backend that cannot be used, and in production one that is for development."""
    if not apps.is_installed("django_mcp.contrib.tasks"):
        hint = 'Add "django_mcp.contrib.tasks" to INSTALLED_APPS, and migrate.'
        yield Error("Tasks() has no table.", hint=hint, id="django_mcp.E060")
        return
    try:
        name = type(queue.backend()).__name__
    except (ImproperlyConfigured, ImportError) as error:
        yield _unusable(str(error))
        return
    except Exception as error:
        yield _unusable(f"{mcp_settings.TASK_BACKEND!r} is no backend in TASKS ({error})")
        return
    if mcp_settings.TASK_QUEUE not in (queue.backend().queues or {mcp_settings.TASK_QUEUE}):
        yield _unusable(f"its QUEUES have no {mcp_settings.TASK_QUEUE!r}")
    elif name == "DummyBackend":
        yield _unusable("DummyBackend runs nothing")
    elif name in IN_PROCESS and not settings.DEBUG:
        yield Warning(
            f"MCP tasks run {IN_PROCESS[name]}.",
            hint=(
                "Name a queue with workers in TASKS, such as django_tasks_db.DatabaseBackend with manage.py db_worker, "
                "or say that it is meant: SILENCED_SYSTEM_CHECKS = ['django_mcp.W063']."
            ),
            id="django_mcp.W063",
        )


def _unusable(why: str) -> CheckMessage:
    return Error(
        f"MCP tasks cannot be queued: {why}.",
        hint="Correct TASKS, MCP_TASK_BACKEND or MCP_TASK_QUEUE: see docs/tasks.md.",
        id="django_mcp.E061",
    )
