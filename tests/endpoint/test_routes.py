"""The endpoints of the URLconf, and the one that a path leads to: the same as Django's."""

from types import ModuleType
from typing import ClassVar

import pytest
from django.http import HttpResponse
from django.urls import clear_url_caches, get_resolver, include, path, re_path, register_converter

from django_mcp import default_server
from django_mcp.endpoint import routes
from django_mcp.testing import MCPClient
from django_mcp.urls import endpoint
from django_mcp.views import MCPView
from tests import wire
from tests.servers import other, plain
from tests.urls import stamped


@pytest.fixture
def mount(settings):
    def mount(*patterns):
        urlconf = ModuleType("urls_of_a_test")
        urlconf.urlpatterns = list(patterns)
        settings.ROOT_URLCONF = urlconf

    return mount


class OfTenant(MCPView):
    def get_server(self):
        return {"acme": other}[self.kwargs["tenant"]]


def test_a_view_that_chooses_its_server_for_each_request_stands_with_the_one_that_it_declares(mount):
    views = [OfTenant.as_view(), OfTenant.as_view(server=plain), endpoint(other)]
    mount(*(path(f"<slug:tenant>/{number}", view) for number, view in enumerate(views)))

    assert routes.mounted_servers() == [default_server, plain, other]


def switched_off(request, **kwargs):
    return HttpResponse(status=403)


def test_endpoints_are_found_wherever_they_are_mounted(mount):
    nested = [path("<slug:tenant>/mcp", endpoint(plain, public=True)), path("mcp", endpoint(other))]
    mount(path("page", switched_off), path("api/", include(nested)))

    assert [route.pattern for route in routes.routes()] == ["/api/<slug:tenant>/mcp", "/api/mcp"]
    assert routes.endpoint_paths() == ["api/mcp"]
    assert routes.find("/api/acme/mcp")[1] == {"tenant": "acme"}
    assert routes.find_view("/api/mcp/").server is other
    assert (routes.find("/page"), routes.find("/api"), routes.find("api/mcp"), routes.find("")) == (None,) * 4


def test_what_is_behind_a_decorator_is_djangos_and_known_all_the_same(mount):
    view = endpoint(plain)[0][0].callback
    mount(path("decorated", stamped(view)), path("mcp", view))

    assert [route.pattern for route in routes.routes()] == ["/mcp"]
    assert [pattern for pattern, _ in routes.mounted_views()] == ["/decorated", "/mcp"]


@pytest.mark.django_db
def test_a_pattern_before_an_endpoints_is_obeyed(mount, lane):
    """As a project switches an endpoint off."""
    mount(re_path(r"^mcp$", switched_off), path("mcp", endpoint(plain, public=True)))

    assert MCPClient("/mcp", **lane).post(wire.modern_request("tools/list")).status_code == 403
    assert MCPClient("/mcp/", **lane).post(wire.modern_request("tools/list")).status_code == 200


class Written:
    """A page that somebody has written, as a converter looks it up: a text that is no page is no path."""

    regex = "[a-z]+"
    pages: ClassVar[dict[str, str]] = {}

    def to_python(self, value):
        if value not in self.pages:
            raise ValueError
        return self.pages[value]

    def to_url(self, value):
        return value


register_converter(Written, "written")


@pytest.fixture
def pages(monkeypatch):
    monkeypatch.setattr(Written, "pages", {})
    return Written.pages


def test_a_converter_of_the_project_is_asked_for_each_request(mount, pages):
    mount(path("<written:page>/mcp", endpoint(plain)))
    found = []
    for pages["acme"] in ("first", "second"):
        found.append(routes.find("/acme/mcp")[1])
    pages.clear()

    assert found == [{"page": "first"}, {"page": "second"}]
    assert routes.find("/acme/mcp") is None


@pytest.mark.django_db
def test_a_page_that_is_written_at_the_path_of_an_endpoint_is_found_there(mount, lane, pages):
    mount(path("<written:page>", switched_off), path("mcp", endpoint(plain, public=True)))
    client = MCPClient("/mcp", **lane)

    assert client.post(wire.modern_request("tools/list")).status_code == 200
    pages["mcp"] = "About MCP"
    assert client.post(wire.modern_request("tools/list")).status_code == 403


def test_a_long_path_is_found_and_not_remembered(mount):
    mount(path("<slug:tenant>/mcp", endpoint(plain)))
    tenant = "a" * routes.KEPT_CHARACTERS
    kept = routes._match_once.cache_info().currsize

    assert routes.find(f"/{tenant}/mcp")[1] == {"tenant": tenant}
    assert routes.find(f"/{tenant}") is None
    assert routes._match_once.cache_info().currsize == kept


@pytest.mark.django_db
def test_urls_that_change_while_the_process_runs_lead_where_they_say(mount, lane):
    """As a CMS does whose editors attach apps to pages: it clears Django's caches."""
    mount(path("mcp", endpoint(plain, public=True)))
    client = MCPClient("/mcp", **lane)
    assert client.post(wire.modern_request("server/discover")).json()["result"]["_meta"] == _info("plain")

    mounted = get_resolver().url_patterns
    mounted[:] = [path("mcp", endpoint(other, public=True))]
    clear_url_caches()
    assert client.post(wire.modern_request("server/discover")).json()["result"]["_meta"] == _info("other")

    mounted.clear()
    clear_url_caches()
    assert client.post(wire.modern_request("server/discover")).status_code == 404


def _info(name):
    return {"io.modelcontextprotocol/serverInfo": {"name": name, "version": "1.0"}}
