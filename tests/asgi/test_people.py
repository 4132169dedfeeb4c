"""People's requests in the lane: Django answers them, with the project's middleware."""

import pytest
from django.http import HttpResponseRedirect

from django_mcp.protocol import sse
from tests.people import Browser

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("tests.urls")]


class Stamp:
    """Marks what it has seen."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        response["X-Stamp"] = "seen"
        return response


class SecondFactor(Stamp):
    """Lets nobody through who has only a password."""

    def __call__(self, request):
        return HttpResponseRedirect("/second-factor")


@pytest.fixture
def browser(settings):
    settings.DEBUG = True
    return Browser("lane")


def under(settings, middleware):
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, f"{__name__}.{middleware.__name__}"]


def test_the_page_and_its_calls_go_through_the_projects_middleware(browser, settings):
    under(settings, Stamp)

    opened, called = browser.open(), browser.call()

    assert [one.headers.get("x-stamp") for one in (opened, called)] == ["seen", "seen"]


def test_a_page_that_middleware_refuses_is_refused_as_by_the_lane(browser, settings):
    settings.MCP_PAGE = False
    before = browser.open()
    settings.MCP_PAGE = "debug"
    under(settings, SecondFactor)

    refused = browser.open()

    assert (refused.status_code, refused.headers, refused.content) == (400, before.headers, before.content)
    assert browser.call().status_code == 302


def test_what_a_call_says_on_its_way_arrives_before_its_result(browser):
    browser.open("/watched")

    response = browser.call("/watched", "greet", {"name": "Ada"})

    said = [line for line in response.content.decode().split("\n") if line.startswith("data:")]
    assert response.headers["content-type"] == dict(sse.HEADERS)["Content-Type"]
    assert ("on the way" in said[0], "resultType" in said[-1]) == (True, True)
