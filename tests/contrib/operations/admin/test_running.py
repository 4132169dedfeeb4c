"""“Running now” in the admin."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone

from django_mcp.contrib.operations.models import Process, RunningCall
from tests.browser import CSS, waiting

pytestmark = pytest.mark.django_db

LIST = "admin:django_mcp_operations_runningcall_changelist"
NOW = "admin:django_mcp_operations_runningcall_now"


@pytest.fixture
def slow():
    process = Process.objects.create(name="here:1:x", running=7)
    return RunningCall.objects.create(
        process=process, number=1, started_at=timezone.now() - timedelta(minutes=10), name="slow", user_name="ada"
    )


def test_calls_of_processes_that_live_are_listed(staff_client, slow):
    dead = Process.objects.create(name="dead:1", seen_at=timezone.now() - timedelta(minutes=1))
    RunningCall.objects.create(process=dead, number=1, started_at=timezone.now(), name="lost")
    content = staff_client("view_runningcall").get(reverse(LIST)).content.decode()

    for shown in ("slow", "ada", "10 min", "here:1", "Calls: 7. Processes: 1."):
        assert shown in content
    assert "lost" not in content


def test_cancelling_needs_a_permission_of_its_own(staff_client, slow):
    data = {"action": "cancel_selected", "_selected_action": [slow.pk]}
    client = staff_client("view_runningcall")
    client.post(reverse(LIST), data)
    assert RunningCall.objects.get().cancel_asked_at is None

    client.logout()
    User.objects.all().delete()
    client = staff_client("view_runningcall", "cancel_runningcall")
    content = client.post(reverse(LIST), data, follow=True).content.decode()
    assert "1 call will be cancelled." in content
    assert "to be cancelled" in content
    assert RunningCall.objects.get().cancel_asked_at is not None


def test_cancelling_does_not_mean_looking(staff_client, slow):
    assert staff_client("cancel_runningcall").get(reverse(LIST)).status_code == 403


def test_the_page_asks_which_of_its_calls_still_run(staff_client, slow):
    other = RunningCall.objects.create(process=slow.process, number=2, started_at=timezone.now(), name="other")
    client, address = staff_client("view_runningcall"), reverse(NOW)
    assert f'data-address="{address}"' in client.get(reverse(LIST)).content.decode()

    answer = client.get(address, {"shown": f"{slow.pk},999999,x,-1,{10**30}"})
    assert answer.json() == {
        "subtitle": "Calls: 7. Processes: 1. Listed: calls of more than 1 s.",
        "calls": {str(slow.pk): {"age": "10 min", "state": "runs"}},
        "newest": other.pk,
    }
    assert "no-store" in answer["Cache-Control"]
    RunningCall.objects.all().delete()
    assert client.get(address, {"shown": "1," * 10_000}).json()["newest"] == 0


def test_the_script_of_the_page_is_told_nothing_without_the_permission(staff_client, slow):
    assert staff_client("cancel_runningcall").get(reverse(NOW)).status_code == 403


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_the_page_follows_the_calls_while_one_is_selected(chromium, live_server, admin_client, slow):
    # A browser that starts slowly outlives no process here.
    Process.objects.update(seen_at=timezone.now() + timedelta(hours=1))
    second = RunningCall.objects.create(process=slow.process, number=2, started_at=timezone.now(), name="second")
    with chromium.window(1280, 900) as driver:
        driver.get(live_server.url + "/admin/login/")
        driver.add_cookie({"name": "sessionid", "value": admin_client.cookies["sessionid"].value})
        driver.get(live_server.url + reverse(LIST))
        driver.find_element(CSS, f"input[value='{slow.pk}']").click()
        RunningCall.objects.filter(pk=second.pk).delete()
        slow.cancel_asked_at = timezone.now()
        slow.save()
        Process.objects.update(running=6)
        RunningCall.objects.create(process=slow.process, number=3, started_at=timezone.now(), name="third")

        wait = waiting(driver, 20)
        wait.until(lambda _: driver.find_element(CSS, f"[data-state='{second.pk}']").text == "has ended")
        assert driver.find_element(CSS, f"[data-state='{slow.pk}']").text == "to be cancelled"
        assert driver.find_element(CSS, "#content > h2").text.startswith("Calls: 6.")
        assert driver.find_element(CSS, f"input[value='{slow.pk}']").is_selected()
        driver.find_element(CSS, "#running-more a").click()
        wait.until(lambda _: "third" in driver.find_element(CSS, "#result_list").text)
        assert not driver.find_element(CSS, "#running-more").is_displayed()
        wrong = [line["message"] for line in driver.get_log("browser") if line["level"] == "SEVERE"]
        assert [line for line in wrong if "favicon.ico" not in line] == []
