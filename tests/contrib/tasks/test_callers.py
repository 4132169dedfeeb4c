"""A caller who may not call any more has no task go on: a user who is deactivated, a credential that is revoked."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from rest_framework.authentication import TokenAuthentication

from django_mcp.contrib.tasks import callers, storage, worker
from django_mcp.contrib.tasks.models import Task
from django_mcp.contrib.tokens.authentication import APITokenAuthentication
from django_mcp.contrib.tokens.models import APIToken
from tests.contrib.tasks.conftest import TaskClient
from tests.contrib.tasks.serving import DECLARED

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("tests.contrib.tasks.serving")]


@pytest.fixture
def ada():
    return User.objects.create_user("ada")


@pytest.fixture
def token(ada):
    return APIToken.issue(ada, "laptop")


@pytest.fixture
def client(jobs, token):
    bearer = {"Authorization": f"Bearer {token[1]}"}
    return TaskClient("/tasked", era="modern", capabilities=DECLARED, headers=bearer)


GONE = {
    "revoked": lambda token: APIToken.objects.filter(pk=token.pk).update(revoked_at=timezone.now()),
    "expired": lambda token: APIToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1)),
    "deleted": lambda token: token.delete(),
    "its user is deactivated": lambda token: User.objects.update(is_active=False),
    "its authenticator is gone": lambda token: Task.objects.update(credential={"authenticator": "testproject.Gone"}),
}


@pytest.mark.parametrize("how", GONE)
def test_a_queued_task_of_a_caller_who_is_gone_fails(client, jobs, token, how):
    kept, task_id = client.start("add", a=1, b=1)["taskId"], client.start("add", a=1, b=2)["taskId"]
    worker.run_once(*jobs.pop(0))
    GONE[how](token[0])
    jobs.work()

    assert Task.objects.get(task_id=kept).status == "completed"
    assert Task.objects.get(task_id=task_id).error == {"code": -32603, "message": worker.GONE}


@pytest.mark.parametrize("how", ["revoked", "its user is deactivated"])
def test_a_running_task_of_a_caller_who_is_gone_is_cancelled(client, jobs, token, settings, how):
    settings.MCP_KEEPALIVE_SECONDS = 0
    client.start("linger")
    task, stream = storage.claim(*jobs.pop()), worker.TaskStream()
    beside = worker.Beside(task, stream)
    beside._look_once()
    assert not stream.cancelled

    GONE[how](token[0])
    beside._look_once()
    assert stream.cancelled
    assert not storage.renew(task, None)


def test_revoking_a_token_cancels_the_tasks_that_were_made_with_it(client, jobs, token, ada):
    other = TaskClient("/tasked", era="modern", capabilities=DECLARED, user=ada)
    queued, asking = client.start("add", a=1, b=2)["taskId"], client.start("book")["taskId"]
    worker.run_once(*jobs.pop())
    others = other.start("add", a=1, b=2)["taskId"]

    token[0].revoke()

    states = dict(Task.objects.values_list("task_id", "status"))
    assert states == {queued: "cancelled", asking: "cancelled", others: "working"}
    jobs.work()
    assert other.get(others)["status"] == "completed"


def test_an_authenticator_is_named_by_a_class_that_a_worker_can_import():
    class Local(APITokenAuthentication):
        pass

    path = "django_mcp.contrib.tokens.authentication.APITokenAuthentication"
    assert [callers._path_of(one) for one in (Local(), TokenAuthentication(), None)] == [path, "", ""]
