"""System checks of tasks: the app, and the backend that runs them."""

from collections.abc import Iterator

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext, gettext_lazy

from django_mcp.conf import mcp_settings

from . import queue

IN_PROCESS = {
    "ThreadBackend": gettext_lazy("MCP tasks run in threads of the web process, and are lost with it."),
    "ImmediateBackend": gettext_lazy("MCP tasks run while their client waits."),
}


def check_backend() -> Iterator[CheckMessage]:
    """Reports a missing app, a backend that cannot be used, and in production one that is for development."""
    if not apps.is_installed("django_mcp.contrib.tasks"):
        hint = gettext('Add "django_mcp.contrib.tasks" to INSTALLED_APPS, and migrate.')
        yield Error(gettext("Tasks() has no table."), hint=hint, id="django_mcp.E060")
        return
    try:
        name = type(queue.backend()).__name__
    except (ImproperlyConfigured, ImportError) as error:
        yield _unusable(str(error))
        return
    except Exception as error:
        text = gettext("%(name)r is no backend in TASKS (%(error)s)")
        yield _unusable(text % {"name": mcp_settings.TASK_BACKEND, "error": error})
        return
    if mcp_settings.TASK_QUEUE not in (queue.backend().queues or {mcp_settings.TASK_QUEUE}):
        yield _unusable(gettext("its QUEUES have no %(name)r") % {"name": mcp_settings.TASK_QUEUE})
    elif name == "DummyBackend":
        yield _unusable(gettext("DummyBackend runs nothing"))
    elif name in IN_PROCESS and not settings.DEBUG:
        yield Warning(
            str(IN_PROCESS[name]),
            hint=gettext(
                "Name a queue with workers in TASKS, such as django_tasks_db.DatabaseBackend with manage.py db_worker, "
                "or say that it is meant: SILENCED_SYSTEM_CHECKS = ['django_mcp.W063']."
            ),
            id="django_mcp.W063",
        )


def _unusable(why: str) -> CheckMessage:
    return Error(
        gettext("MCP tasks cannot be queued: %(reason)s.") % {"reason": why},
        hint=gettext("Correct TASKS, MCP_TASK_BACKEND or MCP_TASK_QUEUE: see docs/tasks.md."),
        id="django_mcp.E061",
    )
