"""A run in a worker: as its user, with its progress, cancelled, and left by a worker that dies."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.utils import timezone

from django_mcp.contrib.audit import recorder
from django_mcp.contrib.audit.models import Call
from django_mcp.contrib.audit.writer import flush
from django_mcp.contrib.tasks import storage, worker
from django_mcp.contrib.tasks.models import Status, Task
from django_mcp.exceptions import Cancelled, ClientCannot
from django_mcp.primitives.asking import Question
from tests.contrib.tasks.conftest import TaskClient
from tests.contrib.tasks.serving import DECLARED

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("tests.contrib.tasks.serving")]


@pytest.fixture
def client(jobs):
    return TaskClient("/tasked", era="modern", capabilities=DECLARED)


def expire_lease(task_id):
    now = timezone.now()
    Task.objects.filter(task_id=task_id).update(
        started_at=now - timedelta(hours=1), lease_until=now - timedelta(seconds=1)
    )


def test_progress_becomes_the_message_and_changes_the_time(client, jobs):
    task_id = client.start("again")["taskId"]
    before = client.get(task_id)
    jobs.work()

    done = client.get(task_id)
    assert done["statusMessage"] == "half\ufffd \ufffd"
    assert done["lastUpdatedAt"] >= before["lastUpdatedAt"]


def test_text_that_no_database_stores_ends_a_task_as_it_ends_a_call(client, jobs):
    done, failed = (client.start("fail", how=how)["taskId"] for how in ("half", "half protocol"))
    jobs.work()

    assert client.get(done)["result"]["content"] == [{"type": "text", "text": "half \ud800"}]
    state = client.get(failed)
    assert state["error"] == {"code": -32050, "message": "half\u0000 \ud800"}
    assert state["statusMessage"] == "half\ufffd \ufffd"


def test_the_run_of_a_task_is_a_row_of_the_audit_beside_the_call_that_made_it(client, jobs):
    recorder.start()
    try:
        task_id = client.start("again")["taskId"]
        jobs.work()
        flush()
    finally:
        recorder.stop()

    rows = Call.objects.order_by("pk").values_list("lane", "name", "outcome", "request_id")
    assert rows[0][1:3] == ("again", "ok")
    assert rows[1] == ("task", "again", "ok", task_id)


def test_the_thread_beside_a_run_learns_that_its_task_was_cancelled(client, jobs):
    task_id = client.start("linger")["taskId"]
    task, stream = storage.claim(*jobs.pop()), worker.TaskStream()
    stream.notify("notifications/progress", {"progress": 1, "message": "on it"})
    beside = worker.Beside(task, stream)
    beside._look_once()
    assert client.get(task_id)["statusMessage"] == "on it"
    client.cancel(task_id)
    assert client.get(task_id)["status"] == "working"

    beside._look_once()

    assert stream.cancelled
    ended = client.get(task_id)
    storage.stop(task)
    assert (ended["status"], client.get(task_id)["status"]) == ("working", "cancelled")


@pytest.mark.parametrize("tool", ["linger", "again", "fail"])
def test_a_run_that_was_cancelled_is_undone(client, jobs, monkeypatch, tool):
    class Stopped(worker.TaskStream):
        def __init__(self):
            super().__init__()
            self.cancelled = True

    monkeypatch.setattr(worker, "TaskStream", Stopped)
    task_id = client.start(tool, **({"how": "x"} if tool == "fail" else {}))["taskId"]
    jobs.work()

    assert client.get(task_id)["status"] == "cancelled"
    assert not Group.objects.exists()


def test_a_job_runs_once_however_often_it_is_queued(client, jobs):
    task_id = client.start("fail", how="once")["taskId"]
    [job] = jobs
    worker.run_once(*job)
    worker.run_once(*job)
    worker.run_once(task_id, 7)
    worker.run_once("unknown", 1)

    assert Group.objects.count() == 1


def test_a_task_whose_worker_has_died_ends_in_an_error(client, jobs, caplog):
    task_id = client.start("add", a=1, b=2)["taskId"]
    task = storage.claim(*jobs.pop())
    expire_lease(task_id)

    assert client.get(task_id)["error"] == {"code": -32603, "message": storage.LOST}
    assert client.get(task_id)["statusMessage"] == storage.LOST
    storage.complete(task, {"content": []})
    storage.fail(task, worker.ProtocolError(-1, "late"))
    storage.ask(task, {"a": {}}, None)
    assert client.get(task_id)["error"]["message"] == storage.LOST


def test_a_task_that_may_be_repeated_is_run_again_and_not_for_ever(client, jobs, settings, caplog):
    settings.MCP_TASK_MAX_ATTEMPTS = 2
    task_id = client.start("again")["taskId"]
    dead = storage.claim(*jobs.pop())
    expire_lease(task_id)

    assert client.get(task_id)["status"] == "working"
    assert jobs == [(task_id, 2)]
    storage.complete(dead, {"content": "of the dead"})
    assert storage.renew(dead, None) is False
    assert client.get(task_id)["status"] == "working"
    storage.claim(*jobs.pop())
    expire_lease(task_id)
    assert client.get(task_id)["status"] == "failed"


def test_a_dead_worker_of_a_cancelled_task_leaves_it_cancelled(client, jobs, caplog):
    task_id = client.start("again")["taskId"]
    storage.claim(*jobs.pop())
    client.cancel(task_id)
    assert client.get(task_id)["status"] == "working"
    expire_lease(task_id)

    storage.sweep()

    assert client.get(task_id)["status"] == "cancelled"


def test_a_job_that_the_queue_has_lost_is_queued_again(client, jobs, settings):
    task_id = client.start("add", a=1, b=2)["taskId"]
    jobs.clear()
    storage.sweep()
    assert not jobs
    Task.objects.update(queued_at=timezone.now() - timedelta(hours=1))

    storage.sweep()
    storage.sweep()

    assert jobs == [(task_id, 1)]
    jobs.work()
    assert client.get(task_id)["status"] == "completed"


def test_a_worker_that_is_told_to_end_at_once_gives_its_task_up(client, jobs, monkeypatch, caplog):
    def interrupt(*arguments):
        raise SystemExit(1)

    monkeypatch.setattr(worker, "run_tool", interrupt)
    task_id = client.start("add", a=1, b=2)["taskId"]
    with pytest.raises(SystemExit):
        jobs.work()

    assert client.get(task_id)["error"]["message"] == storage.LOST


def test_a_task_of_a_server_that_is_gone_fails(client, jobs):
    task_id = client.start("add", a=1, b=2)["taskId"]
    Task.objects.update(server="gone")
    jobs.work()
    Task.objects.update(server="tasked")

    assert client.get(task_id)["error"]["message"] == "The server of this task does not exist any more"


def test_a_task_whose_time_is_over_is_stopped(client, jobs):
    task = Task.objects.get(task_id=client.start("linger")["taskId"])
    claimed = storage.claim(*jobs.pop())
    assert storage.renew(claimed, "here")
    Task.objects.filter(pk=task.pk).update(expires_at=timezone.now())

    assert not storage.renew(claimed, None)
    assert storage.purge(10, dry_run=False) == 1
    storage.complete(claimed, {})
    assert not Task.objects.exists()


def test_a_task_has_no_connection_to_its_client():
    stream = worker.TaskStream()
    with pytest.raises(ClientCannot):
        stream.ask(Question("roots/list", {}, {}))
    stream.notify("notifications/message", {"level": "info", "data": "secret"})
    assert stream.take_message() is None
    stream.notify("notifications/progress", {"progress": 1.5})
    assert (stream.take_message(), stream.take_message()) == ("1.5", None)
    stream.notify("notifications/progress", {"progress": 1, "total": 4})
    assert stream.take_message() == "1 of 4"
    assert issubclass(Cancelled, BaseException)


def test_a_final_state_never_changes(client, jobs):
    for status in (Status.COMPLETED, Status.FAILED, Status.CANCELLED):
        task = Task.objects.get(task_id=client.start("book")["taskId"])
        Task.objects.filter(pk=task.pk).update(status=status, started_at=None)
        before = Task.objects.filter(pk=task.pk).values().get()
        storage.cancel(task)
        storage.answer(task, {"seat": {}})
        storage.settle(task)
        storage.complete(task, {})
        assert storage.claim(task.task_id, task.run) is None
        assert Task.objects.filter(pk=task.pk).values().get() == before
