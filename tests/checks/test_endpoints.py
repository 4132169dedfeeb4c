"""`manage.py check` names what is misspelt, and what would serve better."""

import math
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest
from django.core.asgi import get_asgi_application
from django.core.checks import INFO, run_checks
from django.test import override_settings
from django.urls import include, path, re_path
from django.utils import translation
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from rest_framework.authentication import BasicAuthentication
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import AllowAny, IsAdminUser, IsAuthenticated
from rest_framework.throttling import AnonRateThrottle

import django_mcp
from django_mcp import MCPServer
from django_mcp.asgi import mcp_application
from django_mcp.testing import MCPClient
from django_mcp.urls import endpoint
from django_mcp.views import MCPView
from tests.tables import cases

plain_application = get_asgi_application()
wrapped_application = mcp_application(plain_application)
SPANNING = {"default": {"BACKEND": "channels_redis.core.RedisChannelLayer", "CONFIG": {"hosts": ["redis://127.0.0.1"]}}}


def ids(**kwargs):
    found = run_checks(tags=["mcp"], **kwargs)
    return [message.id for message in found if message.level > INFO and not message.is_silenced()]


@pytest.fixture(autouse=True)
def deployed(settings):
    settings.CHANNEL_LAYERS = SPANNING
    settings.MCP_PUBLIC_URL = "https://api.example.com"


def test_the_example_project_has_nothing_to_mend():
    assert ids(include_deployment_checks=True) == []


def test_a_misspelt_setting_is_named(settings):
    settings.MCP_SESION_TTL_SECONDS = 5

    [message] = [one for one in run_checks(tags=["mcp"]) if one.id == "django_mcp.W001"]

    assert message.id == "django_mcp.W001"
    assert "MCP_SESION_TTL_SECONDS" in message.msg
    assert message.hint == "Did you mean MCP_SESSION_TTL_SECONDS?"


def test_a_setting_that_resembles_no_other_is_not_taken_for_another(settings):
    settings.MCP_COLOR = "blue"

    [message] = [one for one in run_checks(tags=["mcp"]) if one.id == "django_mcp.W001"]

    assert message.hint == "Remove it, or correct its name: the documentation has a page of all settings."


@cases(
    ("path", "expected"),
    [
        ("tests.checks.test_endpoints.plain_application", ["django_mcp.W003"]),
        ("tests.checks.test_endpoints.wrapped_application", []),
        ("tests.nowhere.application", ["django_mcp.W002"]),
        (None, []),
    ],
)
def test_an_asgi_project_is_told_to_mount_the_lane(settings, path, expected):
    settings.ASGI_APPLICATION = path

    assert ids() == expected


def stocked(name):
    """A server with something on it."""
    server = MCPServer(name)
    server.tool(lambda: None, name="nothing")
    return server


class Gated(MCPView):
    def check_permissions(self, request):
        raise PermissionDenied


class Choosing(MCPView):
    def get_permissions(self):
        return [IsAuthenticated() if self.request.user else AllowAny()]


BASIC = [BasicAuthentication]


class endpoints:
    urlpatterns = [
        path("public", endpoint(stocked("public"), public=True)),
        path(
            "<slug:tenant>/public",
            endpoint(stocked("tenant"), public=True, authentication_classes=[BasicAuthentication]),
        ),
        path("any", endpoint(stocked("any"), permission_classes=[AllowAny])),
        path("none", endpoint(stocked("none"), permission_classes=[], authentication_classes=BASIC)),
        path("decorated", never_cache(MCPView.as_view(server=stocked("decorated"), permission_classes=[]))),
        path("closed", endpoint(stocked("closed"))),
        path("asked", endpoint(stocked("asked"), permission_classes=[AllowAny | IsAdminUser, IsAdminUser])),
        path("public-and-asked", endpoint(stocked("both"), public=True, permission_classes=[IsAdminUser])),
        path("gated", endpoint(stocked("gated"), view_class=Gated, permission_classes=[])),
        path("choosing", endpoint(stocked("choosing"), view_class=Choosing)),
    ]


def test_an_endpoint_for_everybody_is_named_in_a_deployment(settings):
    settings.ROOT_URLCONF, settings.SILENCED_SYSTEM_CHECKS = endpoints, []

    found = run_checks(tags=["mcp"], include_deployment_checks=True)
    open_by_classes = (
        "none of its permission_classes refuses anybody",
        "Put IsAuthenticated, or one of yours, among them. Or say that it is meant: "
        "SILENCED_SYSTEM_CHECKS = ['django_mcp.W006'].",
    )
    public = (
        "it says public=True",
        "Take public=True away. Or say that it is meant: SILENCED_SYSTEM_CHECKS = ['django_mcp.W006'].",
    )
    assert {message.msg.removesuffix("."): message.hint for message in found if message.id == "django_mcp.W006"} == {
        f"Everybody may call the endpoint /{path}: {reason}": hint
        for path, (reason, hint) in {
            "public": public,
            "<slug:tenant>/public": public,
            "any": open_by_classes,
            "none": open_by_classes,
            "decorated": open_by_classes,
        }.items()
    }
    assert ids() == []
    settings.DEBUG = True
    assert "django_mcp.W006" not in ids(include_deployment_checks=True)


def test_the_endpoints_that_are_named_admit_a_stranger_and_no_other_does(settings, db):
    settings.ROOT_URLCONF = endpoints

    admit = [path for path in ("public", "any", "none", "decorated") if MCPClient(f"/{path}").list_tools()]
    refused = [MCPClient(f"/{path}").notify("notifications/cancelled", {"requestId": 1}).status_code for path in CLOSED]
    assert admit == ["public", "any", "none", "decorated"]
    assert set(refused) <= {401, 403}


CLOSED = ["closed", "asked", "public-and-asked", "gated"]


def test_a_tool_that_may_write_for_everybody_is_named_in_a_deployment(settings):
    server, settings.SILENCED_SYSTEM_CHECKS = MCPServer("own"), []

    class writing:
        urlpatterns = [path("mcp", endpoint(server, public=True)), path("closed/mcp", endpoint(server))]

    def found(**options):
        messages = run_checks(tags=["mcp"], **options)
        return [(message.msg, message.hint) for message in messages if message.id == "django_mcp.W047"]

    settings.ROOT_URLCONF = writing

    server.tool(lambda: None, name="write")
    server.tool(lambda: None, name="destroy", destructive=True)
    server.tool(lambda: None, name="look", read_only=True)
    server.tool(lambda: None, name="ask", permission="auth.view_user")
    server.tool(lambda: None, name="scoped", scopes=["trips"])

    assert found() == []
    hint = (
        "Give it permission= or scopes=, or say read_only=True if it only reads. Or say that it is meant: "
        "SILENCED_SYSTEM_CHECKS = ['django_mcp.W047']."
    )
    assert found(include_deployment_checks=True) == [
        (f"Everybody may call the tool {name!r} at /mcp, and it may change something.", hint)
        for name in ("write", "destroy")
    ]
    settings.DEBUG = True
    assert found(include_deployment_checks=True) == []


def test_two_servers_of_one_name_are_an_error_with_its_remedy(settings):
    """They would share sessions, subscriptions and the state of calls."""

    class routes:
        urlpatterns = [
            path("a/mcp", endpoint(MCPServer("trips"))),
            path("<slug:tenant>/mcp", endpoint(MCPServer("trips"), public=True)),
            path("c/mcp", include("django_mcp.urls")),
            path("d/mcp", endpoint(MCPServer())),
            path("e/mcp", endpoint(lonely)),
            path("f/mcp", endpoint(lonely, public=True)),
        ]

    settings.ROOT_URLCONF, settings.MCP_SERVER_NAME = routes, "example"

    found = [message for message in run_checks(tags=["mcp"]) if message.id == "django_mcp.E030"]
    assert [message.msg for message in found] == [
        "Several servers are called 'trips': those at /<slug:tenant>/mcp, /a/mcp.",
        "Several servers are called 'example': those at /c/mcp, /d/mcp.",
    ]
    assert {message.hint for message in found} == {
        "Name each: MCPServer('trips'). A server without a name has that of MCP_SERVER_NAME."
    }


lonely = MCPServer("lonely")


class throttled:
    urlpatterns = [path("mcp", endpoint(MCPServer("throttled"), throttle_classes=[AnonRateThrottle]))]


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("SECURE_PROXY_SSL_HEADER", ("HTTP_X_FORWARDED_PROTO", "https")),
        ("USE_X_FORWARDED_HOST", True),
        ("USE_X_FORWARDED_PORT", True),
        ("ROOT_URLCONF", throttled),
    ],
)
def test_a_deployment_that_counts_by_address_says_how_many_proxies_it_has(settings, setting, value):
    setattr(settings, setting, value)

    assert "django_mcp.W024" not in ids()
    assert "django_mcp.W024" in ids(include_deployment_checks=True)
    for proxies in (0, 1):
        settings.REST_FRAMEWORK = {"NUM_PROXIES": proxies}
        assert "django_mcp.W024" not in ids(include_deployment_checks=True)


@cases(
    ("name", "value", "wanted"),
    [
        ("MAX_BODY_BYTES", None, "a whole number"),
        ("PAGE_SIZE", "ten", "a whole number"),
        ("PAGE_SIZE", True, "a whole number"),
        ("SESSION_TTL_SECONDS", -1, "more than zero"),
        ("SESSION_MAX_AGE_SECONDS", sys.maxsize, "at most 3155760000, which is a hundred years"),
        ("KEEPALIVE_SECONDS", math.inf, "at most 3155760000, which is a hundred years"),
        ("AUDIT_RETENTION_DAYS", 10**6, "at most 36525, which is a hundred years"),
        ("MAX_LISTENERS", -1, "zero or more"),
        ("MAX_SESSIONS", "many", "a whole number or None"),
        ("KEEPALIVE_SECONDS", "soon", "a number"),
        ("ALLOWED_ORIGINS", "https://app.example.com", "a list of strings"),
        (
            "ALLOWED_ORIGINS",
            ["https://app.example.com/"],
            'origins alone, such as "https://app.example.com": a scheme, a host, no path and no slash at its end',
        ),
        ("SERVER_NAME", "", "a name of 1 to 200 characters that can be printed"),
        ("SERVER_NAME", "x" * 201, "a name of 1 to 200 characters that can be printed"),
        ("SERVER_NAME", "a\0", "a name of 1 to 200 characters that can be printed"),
        ("PUBLIC_URL", "api.example.com", 'a scheme and a host, such as "https://api.example.com"'),
    ],
)
def test_a_value_that_cannot_be_meant_is_named(name, value, wanted):
    with override_settings(**{f"MCP_{name}": value}):
        [message] = [one for one in run_checks(tags=["mcp"]) if one.id == "django_mcp.E032"]

    assert (message.id, message.msg, message.hint) == (
        "django_mcp.E032",
        f"MCP_{name} is {value!r}.",
        f"It has to be {wanted}.",
    )


def test_a_message_is_in_the_language_of_the_project(settings):
    settings.MCP_MAX_SESSIONS = "many"

    with translation.override("de"):
        [message] = [one for one in run_checks(tags=["mcp"]) if one.id == "django_mcp.E032"]

    assert (message.msg, message.hint) == (
        "MCP_MAX_SESSIONS ist 'many'.",
        "Erwartet wird: eine ganze Zahl oder None.",
    )


def test_values_that_can_be_meant_are_left_alone(settings):
    settings.MCP_SERVER_TITLE = gettext_lazy("Library")
    settings.MCP_MAX_SESSIONS, settings.MCP_MAX_LISTENERS, settings.MCP_BODY_TIMEOUT_SECONDS = None, 0, 5
    settings.MCP_ALLOWED_ORIGINS = ("http://localhost:3000",)

    assert ids() == []


@cases(
    ("alias", "routers", "expected"),
    [
        ("default", ["django_mcp.replicas.ReplicaRouter"], []),
        ("default", [], ["django_mcp.W005"]),
        ("elsewhere", ["django_mcp.replicas.ReplicaRouter"], ["django_mcp.E001"]),
        ("", [], []),
    ],
)
def test_a_replica_must_be_there_and_be_routed_to(settings, alias, routers, expected):
    settings.MCP_READ_ONLY_DATABASE = alias
    settings.DATABASE_ROUTERS = routers

    assert ids() == expected


@pytest.mark.parametrize("layers", [{}, {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}])
def test_a_deployment_without_a_layer_between_its_processes_is_told_what_that_costs(settings, layers):
    settings.CHANNEL_LAYERS = layers

    assert ids() == []
    assert ids(include_deployment_checks=True) == ["django_mcp.W004"]


def test_an_endpoint_that_the_lane_leaves_to_django_is_named_with_the_hook(settings):
    class Decorated(MCPView):
        def dispatch(self, request, *args, **kwargs):
            return super().dispatch(request, *args, **kwargs)

    class Gate(MCPView):
        def initial(self, request, *args, **kwargs):
            super().initial(request, *args, **kwargs)

    urlconf = ModuleType("urls_with_hooks")
    urlconf.urlpatterns = [
        path("decorated", endpoint(MCPServer("a"), view_class=Decorated, public=True)),
        path("gate", endpoint(MCPServer("b"), view_class=Gate, public=True)),
        path("few", endpoint(MCPServer("c"), public=True, http_method_names=["post"])),
    ]
    settings.ROOT_URLCONF = urlconf

    messages = [message.msg for message in run_checks(tags=["mcp"]) if message.id == "django_mcp.W020"]

    assert messages == [
        "The ASGI lane leaves the endpoint /decorated to Django, since its class or as_view() overrides dispatch: it "
        "has no GET stream there.",
        "The ASGI lane leaves the endpoint /few to Django, since its class or as_view() overrides http_method_names: "
        "it has no GET stream there.",
    ]


def pages(request, path):
    """A view of a site whose every path is a page."""


@cases(
    ("above", "below", "shadowed"),
    [
        ([re_path(r"^((?:[\w-]+/)*)$", pages)], [], ["/mcp/"]),
        ([re_path("^(.*)$", pages)], [], ["/mcp", "/mcp/"]),
        ([], [re_path("^(.*)$", pages)], []),
        ([path("mcp/<path:path>", pages)], [], []),
    ],
)
def test_an_endpoint_whose_path_an_earlier_pattern_takes_is_named(settings, above, below, shadowed):
    urlconf = ModuleType("urls_with_pages")
    urlconf.urlpatterns = [*above, path("mcp", endpoint(MCPServer("site"), public=True)), *below]
    settings.ROOT_URLCONF = urlconf

    found = [message for message in run_checks(tags=["mcp"]) if message.id == "django_mcp.W050"]

    assert [message.msg for message in found] == [
        f"An earlier pattern of the URLconf takes {taken}, so a client does not reach the endpoint there."
        for taken in shadowed
    ]
    assert {message.hint for message in found} <= {"Put the endpoint before it: urlpatterns.insert(0, path(…))."}


unready = MCPServer("unready")
unready.tool(lambda: None, name="find")
unready.tool(lambda: None, name="shelve", description="Shelve a book.", destructive=False)


class unready_endpoints:
    urlpatterns = [path("mcp", endpoint(unready))]


def test_tools_that_a_directory_would_refuse_are_named(settings):
    settings.ROOT_URLCONF = unready_endpoints

    [message] = [one for one in run_checks(tags=["mcp"], include_deployment_checks=True) if one.level == INFO]

    assert (message.id, message.msg, message.hint) == (
        "django_mcp.I001",
        "A directory of MCP servers would refuse tools of the server 'unready': find.",
        "manage.py mcp_inspect --server unready --ready says why.",
    )


def test_an_id_belongs_to_the_checks_of_one_app():
    """Two apps that took the same number would silence each other."""
    package = Path(django_mcp.__file__).parent
    owners: dict[str, set[str]] = {}
    for module in package.rglob("*.py"):
        app = "/".join(module.relative_to(package).parts[:2]) if "contrib" in module.parts else "core"
        for found in re.findall(r"id=\"(django_mcp\.[EWI]\d{3})\"", module.read_text()):
            owners.setdefault(found, set()).add(app)

    assert len(owners) > 30
    assert {found: apps for found, apps in owners.items() if len(apps) > 1} == {}
