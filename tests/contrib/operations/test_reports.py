"""Reports of missing capabilities: rows with a bound for each caller."""

from types import SimpleNamespace

import pytest
from django.contrib.auth.models import User
from django.urls import reverse

from django_mcp import ToolError
from django_mcp.contrib.operations.models import MissingCapability
from django_mcp.contrib.operations.reports import offer_reports, report_missing_capability
from django_mcp.primitives.context import Principal
from django_mcp.testing import MCPClient
from tests.servers import other

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.urls")]


@pytest.fixture
def offered():
    offer_reports(other)
    yield
    del other.registry.tools["report_missing_capability"]


@pytest.mark.usefixtures("offered")
def test_a_report_is_a_row(lane, settings):
    settings.MCP_OPERATIONS_REPORTS_PER_PRINCIPAL = 2
    ada = User.objects.create_user("ada")
    client = MCPClient("/other", user=ada, **lane)
    arguments = {"wanted": "Cancel a booking\u0000", "why": "The user asked for it"}
    assert client.call_tool("report_missing_capability", arguments).text == "Thank you. The report is stored."
    report = MissingCapability.objects.get()
    seen = (report.server, report.principal, report.user_name, report.wanted, report.why)
    assert seen == ("other", f"user:{ada.pk}", "ada", "Cancel a booking\ufffd", "The user asked for it")

    assert not client.call_tool("report_missing_capability", arguments).is_error
    full = client.call_tool("report_missing_capability", arguments)
    assert (full.is_error, full.text) == (True, "There are enough reports for today.")
    stranger = MCPClient("/other", **lane).call_tool("report_missing_capability", {"wanted": "x" * 501})
    assert stranger.is_error
    assert MissingCapability.objects.count() == 2


def test_the_clients_of_a_user_share_its_bound(settings):
    settings.MCP_OPERATIONS_REPORTS_PER_PRINCIPAL = 1
    keys = ["user:1:client:a", "user:1:client:b", "user:2"]
    contexts = [SimpleNamespace(principal=Principal(key, None), user=key, server=other, client_info={}) for key in keys]
    first, again, another = contexts
    report_missing_capability(first, "Cancel a booking")

    with pytest.raises(ToolError, match="enough reports"):
        report_missing_capability(again, "Cancel a booking")
    report_missing_capability(another, "Cancel a booking")


@pytest.mark.urls("testproject.urls")
def test_the_admin_lists_reports_and_deletes_them(admin_client):
    report = MissingCapability.objects.create(wanted="<b>Cancel</b>", server="airports")
    address = reverse("admin:django_mcp_operations_missingcapability_changelist")
    assert "&lt;b&gt;Cancel&lt;/b&gt;" in admin_client.get(address, {"q": "cancel"}).content.decode()
    admin_client.post(
        address, {"action": "delete_selected", "_selected_action": [report.pk], "post": "yes"}, follow=True
    )
    assert not MissingCapability.objects.exists()
