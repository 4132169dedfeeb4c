"""People's requests in the WSGI lane: Django answers them, with the project's middleware."""

import pytest

from django_mcp import wsgi
from tests import wire
from tests.people import SecondFactor, Stamp, under

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.urls")]


def ask(method="GET", **headers):
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    _, body = wire.modern_call("greet", name="Ada")
    return wire.send_wsgi("/plain", method, sent, body, application=wsgi.get_wsgi_application())


def test_the_page_and_its_calls_go_through_the_projects_middleware(settings):
    settings.DEBUG = True
    under(settings, Stamp)

    opened, called = ask(accept="text/html"), ask("POST", x_mcp_page="1")

    assert (opened.status_code, opened.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert [one.headers.get("x-stamp") for one in (opened, called)] == ["seen", "seen"]


def test_a_page_that_middleware_refuses_is_refused_as_by_the_lane(settings):
    settings.MCP_PAGE = False
    before = ask(accept="text/html")
    settings.MCP_PAGE = "debug"
    settings.DEBUG = True
    under(settings, SecondFactor)

    refused = ask(accept="text/html")

    assert (refused.status_code, refused.headers, refused.content) == (400, before.headers, before.content)
