"""Tasks in the admin: looked at, and cancelled by those who may."""

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.utils import timezone

from django_mcp.contrib.tasks.models import Task
from tests.tables import cases

pytestmark = pytest.mark.django_db
LIST = "/admin/django_mcp_tasks/task/"


@pytest.fixture
def task():
    ada = User.objects.create_user("ada", password="x")
    return Task.objects.create(
        server="tasked",
        user=ada,
        principal="user:1",
        tool="add",
        arguments={"a": "secret"},
        expires_at=timezone.now() + timedelta(days=1),
    )


def test_it_shows_the_owner_and_the_state_and_nothing_of_the_users(staff_client, task):
    client = staff_client("view_task")
    pages = [client.get(LIST), client.get(f"{LIST}{task.pk}/change/")]

    for page in pages:
        text = page.content.decode()
        assert page.status_code == 200
        assert "ada" in text
        assert "queued" in text
        assert "secret" not in text
        assert task.task_id not in text


def test_who_may_cancels(staff_client, task):
    def cancel(client):
        return client.post(LIST, {"action": "cancel_selected", "_selected_action": [task.pk]})

    cancel(staff_client("view_task"))
    assert Task.objects.get().status == "working"
    User.objects.filter(username="staff").delete()
    cancel(staff_client("view_task", "cancel_task"))
    assert Task.objects.get().status == "cancelled"
    assert LogEntry.objects.get().change_message == "Cancelled."


def test_nobody_adds_changes_or_deletes_one(staff_client, task):
    client = staff_client("view_task", "cancel_task", "add_task", "change_task", "delete_task")

    for url in (f"{LIST}add/", f"{LIST}{task.pk}/delete/"):
        assert client.get(url).status_code == 403
    client.post(f"{LIST}{task.pk}/change/", {"tool": "other"})
    assert Task.objects.get().tool == "add"


def test_a_running_task_is_shown_as_cancelling(staff_client, task):
    Task.objects.update(started_at=timezone.now(), cancel_requested_at=timezone.now())

    assert "cancelling" in staff_client("view_task").get(LIST).content.decode()


@cases("hidden", ["task_id", "arguments", "answers", "result", "state"], undone=True)
def test_no_lookup_reveals_what_the_pages_hide(staff_client, task, hidden, caplog):
    client = staff_client("view_task")

    assert client.get(LIST, {f"{hidden}__startswith": "x"}).status_code == 400
    assert client.get(LIST, {"tool": "add", "server": "tasked", "status__exact": "working"}).status_code == 200
