"""“Running now” in the admin."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.urls import reverse
from django.utils import timezone

from django_mcp.contrib.operations.models import Process, RunningCall

pytestmark = pytest.mark.django_db

LIST = "admin:django_mcp_operations_runningcall_changelist"


@pytest.fixture
def slow():
    process = Process.objects.create(name="here:1:x", running=7)
    return RunningCall.objects.create(
        process=process, number=1, started_at=timezone.now() - timedelta(minutes=10), name="slow", user_name="ada"
    )


@pytest.fixture
def staff(client):
    def login(*permissions):
        user = User.objects.create_user("staff", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
        client.force_login(user)
        return client

    return login


def test_calls_of_processes_that_live_are_listed(staff, slow):
    dead = Process.objects.create(name="dead:1", seen_at=timezone.now() - timedelta(minutes=1))
    RunningCall.objects.create(process=dead, number=1, started_at=timezone.now(), name="lost")
    content = staff("view_runningcall").get(reverse(LIST)).content.decode()

    for shown in ("slow", "ada", "10 min", "here:1", "Calls: 7. Processes: 1."):
        assert shown in content
    assert "lost" not in content


def test_cancelling_needs_a_permission_of_its_own(staff, slow):
    data = {"action": "cancel_selected", "_selected_action": [slow.pk]}
    client = staff("view_runningcall")
    client.post(reverse(LIST), data)
    assert RunningCall.objects.get().cancel_asked_at is None

    client.logout()
    User.objects.all().delete()
    client = staff("view_runningcall", "cancel_runningcall")
    content = client.post(reverse(LIST), data, follow=True).content.decode()
    assert "1 call will be cancelled." in content
    assert "to be cancelled" in content
    assert RunningCall.objects.get().cancel_asked_at is not None


def test_cancelling_does_not_mean_looking(staff, slow):
    assert staff("cancel_runningcall").get(reverse(LIST)).status_code == 403
