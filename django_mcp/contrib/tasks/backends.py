"""A backend of the tasks framework for development: jobs run in threads of this process, and are lost with it."""

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from django.db import close_old_connections, connections
from django.utils import timezone
from django.utils.crypto import get_random_string

from . import queue

logger = logging.getLogger("django_mcp")

if TYPE_CHECKING:
    BaseTaskBackend = Any
else:
    BaseTaskBackend = queue.import_from("backends.base", "BaseTaskBackend")


class ThreadBackend(BaseTaskBackend):  # type: ignore[misc]
    """Runs jobs in threads of this process: `OPTIONS: {"threads": 4}` at once."""

    def __init__(self, alias: str, params: dict[str, Any]) -> None:
        super().__init__(alias, params)
        self._pool = ThreadPoolExecutor(self.options.get("threads", 4), thread_name_prefix="mcp-tasks")

    def enqueue(self, task: Any, args: Any, kwargs: Any) -> Any:
        self.validate_task(task)
        result = queue.import_from("base", "TaskResult")(
            task=task,
            id=get_random_string(32),
            status=queue.import_from("base", "TaskResultStatus").READY,
            enqueued_at=timezone.now(),
            started_at=None,
            last_attempted_at=None,
            finished_at=None,
            args=list(args),
            kwargs=kwargs,
            backend=self.alias,
            errors=[],
            worker_ids=[],
        )
        self._pool.submit(_run, task, result.args, result.kwargs)
        return result


def _run(task: Any, args: list[Any], kwargs: dict[str, Any]) -> None:
    close_old_connections()
    try:
        task.call(*args, **kwargs)
    except Exception:
        logger.exception("The job %s failed", task.name)
    finally:
        connections.close_all()
