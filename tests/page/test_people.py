"""The people who get the page, and as whom the page calls."""

import pytest
from django.contrib.auth.models import Permission
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

from django_mcp.testing import MCPClient
from django_mcp.views import MCPView
from tests.tables import cases

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("tests.urls")]


def is_page(response):
    return response.status_code == 200 and response.headers["content-type"] == "text/html; charset=utf-8"


def test_staff_get_the_page_and_everybody_with_debug(browser, staff, settings):
    assert is_page(browser.sign_in(staff).open("/plain"))
    assert is_page(browser.open("/plain/"))
    browser.cookies.clear()
    assert not is_page(browser.open("/plain"))
    settings.DEBUG = True
    assert is_page(browser.open("/plain"))


def test_a_person_who_may_not_see_it_gets_what_every_client_gets(browser, ada, staff):
    with override_settings(MCP_PAGE=False):
        before = browser.open("/plain")
    refused = browser.open("/plain")

    assert (refused.status_code, refused.content) == (before.status_code, before.content)
    # A cache is told that a session was looked at.
    assert {**refused.headers, "vary": ""} == {**before.headers, "vary": ""}
    assert browser.sign_in(ada).open("/plain").content == before.content
    staff.is_active = False
    staff.save()
    assert browser.sign_in(staff).open("/plain").content == before.content


@cases("headers", [{"accept": "text/event-stream, text/html"}, {"accept": "*/*"}, {"mcp_session_id": "A" * 43}])
def test_an_mcp_client_gets_no_page(browser, staff, headers):
    assert not is_page(browser.sign_in(staff).open("/plain", **headers))


def test_a_foreign_host_gets_no_page(browser, staff):
    """In the view, Django refuses it already."""
    assert browser.sign_in(staff).open("/plain", host="evil.example").status_code in (400, 403)


@cases(("policy", "sees"), [(False, []), ("auth.view_group", ["ada"]), ("staff", ["staff"])])
def test_the_setting_says_who(browser, ada, staff, policy, sees):
    ada.user_permissions.add(Permission.objects.get(codename="view_group"))

    with override_settings(DEBUG=True, MCP_PAGE=policy):
        seen = [user.username for user in (ada, staff) if is_page(browser.sign_in(user).open())]

    assert seen == sees


def test_an_endpoint_says_who_by_itself(browser, ada, staff):
    """Its function lets Ada in, whatever the setting says."""
    with override_settings(MCP_PAGE=False):
        assert is_page(browser.sign_in(ada).open("/paged"))
        assert not is_page(browser.sign_in(staff).open("/paged"))


@pytest.mark.parametrize("policy", [True, "admins", 7])
def test_a_policy_that_there_is_not_is_refused(policy):
    with pytest.raises(ImproperlyConfigured, match="An endpoint's page is"):
        MCPView.as_view(page=policy)


def test_the_page_calls_as_the_person_who_looks(browser, staff):
    """At an endpoint that takes tokens alone."""
    browser.sign_in(staff).open("/token")

    result = browser.call("/token").json()["result"]["structuredContent"]

    assert (result["user"], result["request_user"], result["era"]) == ("staff", "staff", "modern")


def test_nobody_in_particular_calls_where_the_endpoint_is_public(browser, settings):
    settings.DEBUG = True
    browser.open("/plain")

    assert browser.call("/plain").json()["result"]["structuredContent"]["user"] == ""
    assert browser.call("/closed").status_code == 401


@cases(
    "headers", [{"x_csrftoken": ""}, {"x_csrftoken": "b" * 32}, {"origin": "https://evil.example"}, {"origin": "null"}]
)
@cases("path", ["/token", "/plain"])
def test_a_page_of_another_site_calls_nothing(browser, staff, path, headers):
    browser.sign_in(staff).open(path)

    assert browser.call(path, **headers).status_code == 403


def test_no_other_site_is_let_ask_with_the_pages_header(lane):
    asks = {
        "origin": "https://app.example.com",
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type, x-mcp-page",
    }

    response = MCPClient("/browsers", **lane).send("OPTIONS", headers=asks)

    assert "x-mcp-page" not in response.headers.get("access-control-allow-headers", "").lower()
    assert "access-control-allow-credentials" not in response.headers


def test_a_session_without_the_pages_header_opens_nothing(browser, staff):
    browser.sign_in(staff).open("/token")

    assert browser.call("/token", x_mcp_page="").status_code == 401


def test_who_may_not_see_the_page_cannot_call_by_it(browser, ada):
    browser.sign_in(ada).cookies["csrftoken"] = "a" * 32

    assert browser.call("/token").status_code == 401


def test_the_page_counts_against_the_throttles_and_the_permissions_of_the_endpoint(browser, staff):
    browser.sign_in(staff).open("/throttled")

    assert browser.call("/throttled").status_code == 429
    assert browser.call("/forbidden").status_code == 403
