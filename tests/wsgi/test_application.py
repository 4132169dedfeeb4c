"""The WSGI lane as an application: what it serves itself, and what it hands on."""

import pytest

from django_mcp import wsgi
from django_mcp.testing import MCPClient
from tests import wire
from tests.tables import cases

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.urls")]


class Django:
    """Stands in for Django's own application, and keeps the paths that it is handed."""

    def __init__(self):
        self.paths = []

    def __call__(self, environ, start_response):
        self.paths.append(environ["PATH_INFO"])
        start_response("299 Django", [])
        return [b"Django"]


@pytest.fixture
def django():
    return Django()


def visit(path, application, method="POST", **environ):
    headers, body = wire.modern_call("greet", name="Ada")
    lane = wsgi.mcp_wsgi_application(application)
    return wire.send_wsgi(path, method, headers, body, application=lane, **environ)


@cases("path", ["/plain", "/plain/", "/api/v1/deep/mcp", "/slashed/", "/tenants/acme/mcp"])
def test_the_endpoints_of_the_urlconf_are_served_wherever_they_are_mounted(django, path):
    assert visit(path, django).json()["result"]["content"][0]["text"] == "Hello, Ada"
    assert not django.paths


@cases("path", ["/", "/page", "/plainer", "/plain/x", "/PLAIN", "/caf%C3%A9", "/%ff"])
def test_everything_else_is_djangos(django, path):
    assert visit(path, django).status_code == 299
    assert django.paths.pop()


def test_a_decorated_endpoint_is_left_to_django_where_its_decorator_runs():
    assert MCPClient("/decorated", lane="wsgi").send("DELETE").headers["x-stamp"] == "decorated"


def test_the_application_says_that_it_serves_endpoints():
    """System checks ask for it."""
    assert wsgi.get_wsgi_application().serves_mcp is True


# Under a prefix


def test_the_script_name_is_no_part_of_the_urls_and_the_request_of_a_tool_knows_it(settings):
    headers, body = wire.modern_call("describe_caller")
    lane = wsgi.get_wsgi_application()

    served = wire.send_wsgi("/plain", "POST", headers, body, application=lane, SCRIPT_NAME="/app")
    settings.FORCE_SCRIPT_NAME = "/forced"
    forced = wire.send_wsgi("/plain", "POST", headers, body, application=lane)

    paths = [response.json()["result"]["structuredContent"]["path"] for response in (served, forced)]
    assert paths == ["/app/plain", "/forced/plain"]
