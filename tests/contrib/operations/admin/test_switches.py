"""Switches in the admin: thrown with a permission of their own, with a history, and by one operator at a time."""

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.urls import reverse

from django_mcp.contrib.operations.admin.switches import SwitchAdmin
from django_mcp.contrib.operations.models import Switch
from django_mcp.contrib.operations.switches import find_target, start, stop
from tests.tables import cases

pytestmark = pytest.mark.django_db

LIST = "admin:django_mcp_operations_switch_changelist"
ADD = "admin:django_mcp_operations_switch_add"
TARGET = find_target("tool", "distance", "airports")


def form(**values):
    return {"kind": "tool", "name": "distance", "server": "airports", "reason": "Wrong", **values}


def page(client, row):
    return client.get(reverse("admin:django_mcp_operations_switch_change", args=[row.pk])).content.decode()


def change(client, row, **values):
    data = {"reason": row.reason, "seen": row.version, **values}
    address = reverse("admin:django_mcp_operations_switch_change", args=[row.pk])
    return client.post(address, data, follow=True).content.decode()


def test_something_is_stopped_changed_and_started(admin_client):
    admin_client.post(reverse(ADD), form())
    row = Switch.objects.get()
    assert (row.is_off(), row.reason, str(row.stopped_by)) == (True, "Wrong", "admin")
    assert "tool distance on airports" in admin_client.get(reverse(LIST)).content.decode()

    change(admin_client, row, reason="Very wrong")
    data = {"action": "start_selected", "_selected_action": [row.pk]}
    admin_client.post(reverse(LIST), data, follow=True)
    assert [entry.change_message for entry in LogEntry.objects.order_by("pk")] == [
        "Stopped: Wrong",
        "Changed: Very wrong",
        "Started.",
    ]
    history = admin_client.get(reverse("admin:django_mcp_operations_switch_history", args=[row.pk]))
    assert "Very wrong" in history.content.decode()
    assert "_save" not in page(admin_client, row)


def test_two_operators_do_not_undo_each_others_work(admin_client, operator):
    row = stop(TARGET, reason="First", by=operator)

    assert "It is stopped already: First" in admin_client.post(reverse(ADD), form()).content.decode()
    stop(TARGET, reason="Second", by=operator, version=row.version)
    assert "Another operator has changed this switch meanwhile" in change(admin_client, row, reason="Mine")
    row.refresh_from_db()
    start(TARGET, by=operator)
    change(admin_client, row, reason="Mine")
    assert list(Switch.objects.values_list("reason", "is_stopped")) == [("Second", False)]


def test_an_operator_who_is_faster_than_the_form_is_found_out(admin_client, operator, monkeypatch):
    """Between the look of the form and the transaction."""
    from django_mcp.contrib.operations.admin import switches

    def late(target, **values):
        stop(target, reason="First", by=operator)
        return stop(target, **values)

    monkeypatch.setattr(switches, "stop", late)
    content = admin_client.post(reverse(ADD), form(reason="Mine"), follow=True).content.decode()

    assert "is stopped already: First" in content
    assert Switch.objects.get().reason == "First"


@cases(
    ("values", "says"),
    [
        ({"name": ""}, "Name the tool."),
        ({"kind": "user", "name": "nobody"}, "There is no user &#x27;nobody&#x27;."),
        ({"until_0": "2001-01-01", "until_1": "00:00"}, "The end must be in the future."),
        ({"reason": ""}, "This field is required."),
        ({"name": "a\u0000"}, "Null characters are not allowed."),
    ],
)
def test_a_wrong_form_says_what_is_wrong(admin_client, values, says):
    assert says in admin_client.post(reverse(ADD), form(**values)).content.decode()
    assert not Switch.objects.exists()


def test_an_unknown_target_is_stopped_with_a_warning(admin_client):
    content = admin_client.post(reverse(ADD), form(name="nothing"), follow=True).content.decode()
    assert "has declared the tool" in content
    assert Switch.objects.get().is_off()


def test_looking_and_throwing_are_two_permissions(staff_client, operator):
    row = stop(TARGET, reason="First", by=operator)
    client = staff_client("view_switch")
    assert client.get(reverse(LIST)).status_code == 200
    assert client.post(reverse(ADD), form(name="route")).status_code == 403
    assert "_save" not in page(client, row)
    client.post(reverse(LIST), {"action": "start_selected", "_selected_action": [row.pk]})
    assert Switch.objects.get().is_off()


def test_throwing_does_not_mean_looking(staff_client, operator):
    stop(TARGET, reason="First", by=operator)
    client = staff_client("throw_switch")
    client.post(reverse(ADD), form(name="route"))
    assert Switch.objects.count() == 2
    assert client.get(reverse(LIST)).status_code == 403


def test_nobody_deletes_a_switch(admin_client, operator):
    row = stop(TARGET, reason="First", by=operator)
    address = reverse("admin:django_mcp_operations_switch_delete", args=[row.pk])
    assert admin_client.post(address, {"post": "yes"}).status_code == 403


def test_the_forms_of_two_requests_keep_their_versions_apart(rf, operator):
    rows = [stop(find_target("tool", name), reason="Wrong", by=operator) for name in ("one", "other")]
    Switch.objects.filter(pk=rows[1].pk).update(version=7)
    rows[1].refresh_from_db()
    request = rf.get("/")
    request.user = User.objects.create_superuser("root")
    page = SwitchAdmin(Switch, admin.site)
    forms = [page.get_form(request, row, change=True) for row in rows]

    assert [form.base_fields["seen"].initial for form in forms] == [1, 7]
