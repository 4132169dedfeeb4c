"""The queue: jobs of Django's tasks framework, on the backend that MCP_TASK_BACKEND names.

`django.tasks` since Django 6; before it, the package django-tasks.
"""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from django_mcp.conf import mcp_settings


def framework() -> Any:
    """The module of the tasks framework. Raises `ImproperlyConfigured` when there is none."""
    for name in ("django.tasks", "django_tasks"):
        if find_spec(name) is not None:
            return import_module(name)
    raise ImproperlyConfigured("django_mcp.contrib.tasks needs Django 6 or django-tasks: pip install django-tasks")


def backend() -> Any:
    """The backend that runs the jobs. Raises the framework's own exception for a name that TASKS does not have."""
    return framework().task_backends[mcp_settings.TASK_BACKEND]


def put(task_id: str, run: int) -> None:
    """Queues a job that makes this run of a task. Raises whatever the backend raises."""
    from .jobs import run_task

    job = run_task.using(queue_name=mcp_settings.TASK_QUEUE, backend=mcp_settings.TASK_BACKEND)
    job.enqueue(task_id, run)


def import_from(module: str, name: str) -> Any:
    """A name of a module of the tasks framework."""
    return getattr(import_module(f"{framework().__name__}.{module}"), name)
