"""A queue whose jobs run when a test says so."""

from collections.abc import Callable
from typing import Any

import pytest

from django_mcp.contrib.tasks import queue, worker
from django_mcp.testing import MCPClient
from tests.contrib.tasks.serving import DECLARED


class Jobs(list[tuple[str, int]]):
    """The jobs in the queue."""

    is_down = False

    def put(self, task_id: str, run: int) -> None:
        if self.is_down:
            raise ConnectionError("the queue is down")
        self.append((task_id, run))

    def work(self) -> None:
        """Runs the jobs that are in the queue, as a worker does."""
        while self:
            worker.run_once(*self.pop(0))


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> Jobs:
    jobs = Jobs()
    monkeypatch.setattr(queue, "put", jobs.put)
    return jobs


class TaskClient(MCPClient):
    """A client that speaks of tasks."""

    def start(self, name: str, /, **arguments: Any) -> dict[str, Any]:
        return self.request("tools/call", {"name": name, "arguments": arguments})

    def get(self, task_id: str) -> dict[str, Any]:
        return self.request("tasks/get", {"taskId": task_id})

    def update(self, task_id: str, /, **answers: Any) -> dict[str, Any]:
        return self.request("tasks/update", {"taskId": task_id, "inputResponses": answers})

    def cancel(self, task_id: str) -> dict[str, Any]:
        return self.request("tasks/cancel", {"taskId": task_id})


@pytest.fixture
def client_of() -> Callable[..., TaskClient]:
    return lambda user=None, **values: TaskClient(
        "/tasked", **{"era": "modern", "user": user, "capabilities": DECLARED, **values}
    )


@pytest.fixture
def client_in_lane(client_of: Callable[..., TaskClient], jobs: Jobs, lane: dict[str, Any]) -> TaskClient:
    return client_of(**lane)


@pytest.fixture
def client(client_of: Callable[..., TaskClient], jobs: Jobs) -> TaskClient:
    return client_of()
