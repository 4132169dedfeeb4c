"""Browsers on other origins: told what they may send and read where the endpoint names their origin, and nothing
elsewhere.
"""

import pytest

from django_mcp.endpoint import cors
from django_mcp.testing import MCPClient
from tests import wire

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.urls")]

APP = "https://app.example.com"
ASKS = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type, Mcp-Param-Region"}


def told(response):
    names = ("access-control-", "vary")
    return {name: value for name, value in response.headers.items() if name.startswith(names)}


@pytest.fixture
def browser(lane):
    return lambda path="/browsers", origin=APP, **headers: MCPClient(
        path, era="handshake", headers={"Origin": origin, **headers}, **lane
    )


def test_a_preflight_is_answered_without_credentials(browser):
    response = browser(**ASKS).send("OPTIONS")

    assert (response.status_code, response.content) == (204, b"")
    assert told(response) == {
        "access-control-allow-origin": APP,
        "access-control-allow-methods": "GET, POST, DELETE",
        "access-control-allow-headers": f"{cors.HEADERS}, Mcp-Param-Region",
        "access-control-expose-headers": cors.EXPOSED,
        "access-control-max-age": "86400",
        "vary": "Origin",
    }


def test_what_is_no_preflight_is_not_allowed(browser):
    assert browser().send("OPTIONS").status_code == 405
    assert browser("/plain", origin="http://testserver", **ASKS).send("OPTIONS").status_code == 405


def test_answers_may_be_read_by_pages_of_the_origin_and_their_session_too(browser):
    client = browser()
    response = client.post(wire.initialize())

    assert response.status_code == 200
    allowed = {"access-control-allow-origin": APP, "access-control-expose-headers": cors.EXPOSED, "vary": "Origin"}
    assert told(response) == allowed
    assert told(browser().send("DELETE")) == allowed


def test_another_origin_is_refused_and_told_nothing(browser):
    response = browser(origin="https://evil.example.com", **ASKS).send("OPTIONS")

    assert response.status_code == 403
    assert told(response) == {"vary": "Origin"}


def test_where_no_origin_is_named_nothing_is_told(browser):
    response = browser("/plain", origin="http://testserver").post(wire.initialize())

    assert (response.status_code, told(response)) == (200, {})
