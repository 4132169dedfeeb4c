"""The page of the overview."""

import pytest
from django.urls import reverse

from tests.contrib.operations.calls import record
from tests.tables import cases

pytestmark = pytest.mark.django_db

PAGE = "admin:django_mcp_operations_rollup_changelist"


@cases("period", ["hour", "day", "week", "", "nonsense", "\u0000"])
def test_the_page_shows_a_period(admin_client, period):
    record(3)
    record(outcome="failed", name="<script>alert(1)</script>")
    content = admin_client.get(reverse(PAGE), {"period": period}).content.decode()

    for shown in ("distance", "25 %", "inspector", "2025-11-25", "<svg", "p95", "Last purge"):
        assert shown in content
    assert "<script>alert" not in content


def test_an_empty_audit_is_shown(admin_client):
    assert "No calls." in admin_client.get(reverse(PAGE)).content.decode()


@pytest.mark.parametrize(("permissions", "status"), [(["view_rollup"], 200), (["view_switch", "view_call"], 403)])
def test_the_page_needs_its_own_permission(staff_client, permissions, status):
    record()
    response = staff_client(*permissions).get(reverse(PAGE))

    assert response.status_code == status
    assert "django_mcp_audit/call" not in response.content.decode().partition('id="content-main"')[2]
