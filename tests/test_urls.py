"""Where an endpoint is mounted, and that a client never meets a redirect or a page on its way there."""

import pytest
from django.core.asgi import get_asgi_application
from django.core.checks import run_checks
from django.urls import include, path, resolve, reverse
from django.utils import translation

from django_mcp import MCPServer, default_server
from django_mcp.asgi import mcp_application
from django_mcp.testing import MCPClient
from django_mcp.urls import endpoint
from tests import wire
from tests.tables import cases

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.urls")]


@pytest.fixture
def user(django_user_model):
    return django_user_model.objects.create_user("ada")


@cases("append_slash", [True, False])
@cases("path", ["/plain", "/plain/", "/mcp", "/mcp/", "/api/v1/deep/mcp", "/api/v1/deep/mcp/"])
def test_an_endpoint_answers_with_and_without_a_slash_and_never_redirects(lane, path, append_slash, settings, user):
    settings.APPEND_SLASH = append_slash
    client = MCPClient(path, era="handshake", user=user, **lane)

    assert client.post(wire.initialize()).status_code == 200
    for verb in ("GET", "DELETE"):
        assert client.send(verb).content == wire.MISSING_SESSION_ID
    for verb in ("PUT", "HEAD", "OPTIONS"):
        assert client.send(verb).status_code == 405


def test_a_session_is_the_same_with_and_without_a_slash(lane):
    client = MCPClient("/plain", era="handshake", **lane)
    client.initialize()

    client.path = "/plain/"

    assert client.call_tool("greet", {"name": "Ada"}).text == "Hello, Ada"


def test_the_included_urls_are_the_default_servers_and_closed(connect, user):
    """An endpoint that does not say that it is public is not."""
    assert connect("/mcp").send("DELETE").status_code == 401
    answer = connect("/mcp", user=user).initialize()
    info = answer.get("serverInfo") or answer["_meta"]["io.modelcontextprotocol/serverInfo"]
    assert info["name"] == default_server.name


def test_an_endpoint_has_a_name_to_reverse():
    assert reverse("mcp:endpoint") == "/mcp"
    assert reverse("other:endpoint") == "/other"
    assert reverse("view") == "/view"


class twice:
    """Two endpoints of the default server, two of another, and the ready-made one beside them."""

    server = MCPServer("twice")
    urlpatterns = [
        path("mcp", include("django_mcp.urls")),
        path("default/1", endpoint()),
        path("default/2", endpoint(public=True)),
        path("server/1", endpoint(server)),
        path("server/2", endpoint(server, public=True)),
        path("named", endpoint(server, namespace="staff")),
        path("deeper/", include([path("mcp", endpoint(server))])),
    ]


def test_any_number_of_endpoints_have_names_without_a_warning(settings):
    settings.ROOT_URLCONF = twice

    assert run_checks(tags=["urls"]) == []
    assert [reverse(f"{name}:endpoint") for name in ("mcp", "staff", "twice")] == ["/mcp", "/named", "/deeper/mcp"]
    assert resolve("/server/1").app_name == "twice"


class of_one_server:
    urlpatterns = [path("1", endpoint()), path("2", endpoint())]


def test_of_several_endpoints_of_one_server_the_name_is_the_last_ones(settings):
    settings.ROOT_URLCONF = of_one_server

    assert reverse("mcp:endpoint") == "/2"
    assert reverse("mcp:endpoint", current_app=resolve("/1").namespace) == "/1"


def test_the_arguments_of_a_url_reach_the_policies(connect):
    """Those that the path captures and those that the URLconf adds."""
    acme = connect("/acme/tools")

    assert acme.call_tool("greet", {"name": "Ada"}).text == "Hello, Ada"
    assert connect("/emca/tools").send("DELETE").status_code == 403


def test_an_endpoint_may_be_mounted_under_a_language(connect):
    for prefix in ("en-us", "en-us/"):
        path = f"/{prefix.rstrip('/')}/translated"
        assert connect(path).call_tool("greet", {"name": "Ada"}).text == "Hello, Ada"


def test_an_endpoint_under_another_language_is_found_by_djangos_middleware(settings, era):
    settings.MIDDLEWARE = ["django.middleware.locale.LocaleMiddleware", *settings.MIDDLEWARE]
    django = get_asgi_application()

    for lane in (
        {"lane": "view"},
        {"lane": "asgi", "application": django},
        {"lane": "asgi", "application": mcp_application(django)},
    ):
        with translation.override("en-us"):  # The middleware leaves its language behind in the thread.
            client = MCPClient("/de/translated", era=era, **lane)
            assert client.call_tool("greet", {"name": "Ada"}).text == "Hello, Ada"
