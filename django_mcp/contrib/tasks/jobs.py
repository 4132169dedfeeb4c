"""The job that the queue's workers import and run."""

from django_mcp.conf import mcp_settings

from . import queue, worker


@queue.framework().task(backend=mcp_settings.TASK_BACKEND, queue_name=mcp_settings.TASK_QUEUE)  # type: ignore[untyped-decorator]
def run_task(task_id: str, run: int) -> None:
    """Makes one run of a task. Does nothing when another worker has taken it, or it was cancelled."""
    worker.run_once(task_id, run)
