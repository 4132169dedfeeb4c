"""Tasks over processes: two web servers, and workers of a queue that come and go."""

import asyncio
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests import wire
from tests.live.client import answer_of
from tests.live.cluster import ROOT, SECONDS, UVICORN, Cluster, Redis, Server, cluster

ID = "io.modelcontextprotocol/tasks"
META = {**wire.ENVELOPE, "io.modelcontextprotocol/clientCapabilities": {"extensions": {ID: {}}, "elicitation": {}}}
FINAL = ("completed", "failed", "cancelled")
DATABASE_WORKER = "manage.py db_worker --interval 0.1 --no-reload --no-startup-delay --verbosity 0"
RQ_WORKER = "manage.py rqworker --job-class django_tasks_rq.Job --verbosity 0"


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster(
        tmp_path_factory.mktemp("tasks"), 2, UVICORN, TASKS_BACKEND="django_tasks_db.DatabaseBackend"
    ) as servers:
        yield servers


@contextmanager
def workers(servers: Cluster, count: int, command: str = DATABASE_WORKER) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Workers of the queue while the block runs."""
    started = [
        subprocess.Popen(
            [sys.executable, *command.split()],
            cwd=ROOT,
            env=servers.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        for _ in range(count)
    ]
    try:
        yield started
    finally:
        for worker in started:
            kill(worker)


def kill(worker: subprocess.Popen[bytes]) -> None:
    """Kills a worker with the processes that it has forked."""
    if worker.poll() is None:
        os.killpg(worker.pid, signal.SIGKILL)
    worker.wait(SECONDS)


class Client:
    """A modern client that declares tasks, and says at which server it does what."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http
        self._ids = itertools.count()

    def request(self, server: Server, method: str, params: dict[str, Any], name: str) -> dict[str, Any]:
        response = self._http.post(**posted(server, method, params, name, next(self._ids)))
        answer: dict[str, Any] = answer_of(response)
        assert "result" in answer, answer
        return answer["result"]

    def start(self, server: Server, tool: str, **arguments: Any) -> str:
        result = self.request(server, "tools/call", {"name": tool, "arguments": arguments}, tool)
        assert result["resultType"] == "task", result
        return str(result["taskId"])

    def get(self, server: Server, task_id: str) -> dict[str, Any]:
        return self.request(server, "tasks/get", {"taskId": task_id}, task_id)

    def update(self, server: Server, task_id: str, **names: str) -> None:
        answers = {key: {"action": "accept", "content": {"name": name}} for key, name in names.items()}
        self.request(server, "tasks/update", {"taskId": task_id, "inputResponses": answers}, task_id)

    def cancel(self, server: Server, task_id: str) -> None:
        self.request(server, "tasks/cancel", {"taskId": task_id}, task_id)

    def until(self, server: Server, task_id: str, *states: str, message: str = "") -> dict[str, Any]:
        """The task, as soon as it is in one of these states, or has this message."""
        deadline = time.monotonic() + 2 * SECONDS
        while time.monotonic() < deadline:
            task = self.get(server, task_id)
            if task["status"] in states or (message and task.get("statusMessage") == message):
                return task
            time.sleep(0.05)
        raise AssertionError(f"Still {task}")


def posted(server: Server, method: str, params: dict[str, Any], name: str, request_id: int) -> dict[str, Any]:
    headers = {
        **wire.POST_HEADERS,
        "mcp-protocol-version": "2026-07-28",
        "mcp-method": method,
        **({"mcp-name": name} if name else {}),
    }
    message = wire.request(method, {**params, "_meta": META}, request_id)
    return {"url": server.url.replace("/mcp", "/tasked/mcp"), "json": message, "headers": headers}


@pytest.fixture
def client() -> Iterator[Client]:
    with httpx.Client(timeout=SECONDS) as http:
        yield Client(http)


def test_a_task_is_made_at_one_server_and_asked_for_at_another(two: Cluster, client: Client):
    first, second = two.servers
    task_id = client.start(first, "leave", name="one")
    assert client.get(second, task_id)["status"] == "working"

    with workers(two, 1) as [worker]:
        done = client.until(second, task_id, *FINAL)

    assert done["status"] == "completed"
    assert done["result"]["structuredContent"] == worker.pid


def test_a_queued_task_is_cancelled_and_a_running_one_stops(two: Cluster, client: Client):
    first, second = two.servers
    queued = client.start(first, "leave", name="never")
    client.cancel(second, queued)
    running = client.start(first, "linger", seconds=SECONDS)

    with workers(two, 1):
        client.until(second, running, message="begun")
        client.cancel(second, running)
        assert client.until(first, running, *FINAL)["status"] == "cancelled"

    assert client.get(first, queued)["status"] == "cancelled"


def test_questions_are_answered_at_any_server_and_the_task_goes_on_in_any_worker(two: Cluster, client: Client):
    first, second = two.servers
    with workers(two, 2):
        task_id = client.start(first, "ask")
        assert client.until(second, task_id, "input_required")["inputRequests"].keys() == {"first", "second"}
        client.update(second, task_id, first="a")
        assert client.get(first, task_id)["inputRequests"].keys() == {"second"}
        client.update(first, task_id, second="b")
        while "third" not in (asked := client.until(first, task_id, "input_required", *FINAL)).get("inputRequests", {}):
            assert asked["status"] == "input_required"
        client.update(second, task_id, third="c")
        done = client.until(first, task_id, *FINAL)

    assert done["result"]["content"][0]["text"] == "a b c"


def test_a_task_whose_worker_is_killed_fails_or_runs_again(two: Cluster, client: Client):
    first, second = two.servers
    with workers(two, 1) as [worker]:
        once = client.start(first, "linger", seconds=SECONDS)
        client.until(second, once, message="begun")
        kill(worker)
    with workers(two, 1) as [worker]:
        again = client.start(first, "linger_again", seconds=2)
        client.until(second, again, message="begun")
        kill(worker)
    with workers(two, 1) as [worker]:
        failed = client.until(second, once, *FINAL)
        done = client.until(second, again, *FINAL)

    assert failed["error"] == {"code": -32603, "message": "The worker that ran this task ended before the task did"}
    assert (done["status"], done["result"]["structuredContent"]) == ("completed", worker.pid)


def test_a_deployment_lets_a_running_task_finish(two: Cluster, client: Client):
    first, second = two.servers
    with workers(two, 1) as [old]:
        running = client.start(first, "linger", seconds=3)
        client.until(second, running, message="begun")
        old.terminate()
        first.stop()
        first.start()
        two.wait_until_served()
        waiting = client.start(first, "leave", name="after the deployment")
        done = client.until(second, running, *FINAL)
        old.wait(SECONDS)
    with workers(two, 1) as [new]:
        later = client.until(second, waiting, *FINAL)

    assert (done["status"], done["result"]["structuredContent"]) == ("completed", old.pid)
    assert later["result"]["structuredContent"] == new.pid


def test_a_thousand_tasks_over_two_workers_run_once_each(two: Cluster, client: Client):
    """A hundred on SQLite, which has one writer. A second run of one would fail, because its row is there."""
    count = 1000 if two.environment["DATABASE_URL"].startswith("postgres") else 100

    async def start_all() -> list[str]:
        limits = httpx.Limits(max_connections=8)
        async with httpx.AsyncClient(timeout=8 * SECONDS, limits=limits) as http:
            posts = [
                posted(
                    two.servers[number % 2],
                    "tools/call",
                    {"name": "leave", "arguments": {"name": f"of many {number}"}},
                    "leave",
                    number,
                )
                for number in range(count)
            ]
            answers = await asyncio.gather(*(http.post(**post) for post in posts))
        return [answer_of(answer)["result"]["taskId"] for answer in answers]

    with workers(two, 2) as both:
        ids = asyncio.run(start_all())
        done = [client.until(two.servers[0], one, *FINAL) for one in ids]

    assert {task["status"] for task in done} == {"completed"}
    ran = [task["result"]["structuredContent"] for task in done]
    assert {worker.pid for worker in both} == set(ran)
    assert two.manage("shell", "-c", COUNT).split()[-1] == str(count)


COUNT = """
from django.contrib.auth.models import Group
print(Group.objects.filter(name__startswith="of many").count())
"""


async def test_a_listener_at_one_server_hears_of_a_task_that_was_made_at_another(two: Cluster, client: Client):
    first, second = two.servers
    task_id = await asyncio.to_thread(client.start, first, "leave", name="heard of")
    post = posted(second, "subscriptions/listen", {"notifications": {"taskIds": [task_id, "unknown"]}}, "", 7)
    heard = []
    with workers(two, 1):
        async with httpx.AsyncClient(timeout=SECONDS) as http, http.stream("POST", **post) as response:
            async for line in response.aiter_lines():
                if line.startswith("data:"):
                    heard.append(json.loads(line.removeprefix("data:")))
                if len(heard) == 2:
                    break

    acknowledged, ended = heard
    assert acknowledged["params"]["notifications"] == {"taskIds": [task_id]}
    assert ended["method"] == "notifications/tasks"
    params = ended["params"]
    assert params.pop("_meta") == {"io.modelcontextprotocol/subscriptionId": 7}
    state = await asyncio.to_thread(client.get, first, task_id)
    assert params == {key: value for key, value in state.items() if key not in ("_meta", "resultType")}
    assert params["status"] == "completed"


def test_rq_on_redis_runs_tasks_too(tmp_path: Path, client: Client):
    redis = Redis()
    try:
        with (
            cluster(tmp_path, 1, UVICORN, TASKS_BACKEND="django_tasks_rq.RQBackend", RQ_REDIS_URL=redis.url) as servers,
            workers(servers, 1, RQ_WORKER),
        ):
            [server] = servers.servers
            done = client.until(server, client.start(server, "leave", name="by RQ"), *FINAL)
            asked = client.start(server, "ask")
            client.until(server, asked, "input_required")
            client.update(server, asked, first="a", second="b")
            while "third" not in client.until(server, asked, "input_required", *FINAL).get("inputRequests", {}):
                assert client.get(server, asked)["status"] != "failed"
            client.update(server, asked, third="c")
            answered = client.until(server, asked, *FINAL)
            running = client.start(server, "linger", seconds=SECONDS)
            client.until(server, running, message="begun")
            client.cancel(server, running)
            cancelled = client.until(server, running, *FINAL)
    finally:
        redis.stop()

    assert done["status"] == "completed"
    assert answered["result"]["content"][0]["text"] == "a b c"
    assert cancelled["status"] == "cancelled"
