"""`manage.py check` names settings around MCP that would not do what they say there."""

import gzip
from datetime import UTC, datetime, timedelta

import pytest
from django.core.asgi import get_asgi_application
from django.core.cache import caches
from django.core.checks import run_checks
from django.http import HttpResponse
from django.middleware.gzip import GZipMiddleware
from django.urls import path
from django.utils.decorators import sync_and_async_middleware
from rest_framework.authentication import BasicAuthentication, SessionAuthentication
from rest_framework.throttling import AnonRateThrottle, ScopedRateThrottle

from django_mcp import MCPServer
from django_mcp.asgi import mcp_application
from django_mcp.models import Session, Upkeep
from django_mcp.storage import upkeep
from django_mcp.urls import endpoint
from django_mcp.views import MCPView

in_lane = mcp_application(get_asgi_application())
in_view = mcp_application(get_asgi_application(), posts="view")
without_lane = get_asgi_application()

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)

SHARED = {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://127.0.0.1:1"}
LOCAL = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
DUMMY = {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}


def found(number, **options):
    return [(one.msg, one.hint) for one in run_checks(tags=["mcp"], **options) if one.id == f"django_mcp.{number}"]


def mount(settings, *patterns):
    settings.ROOT_URLCONF = type("urls", (), {"urlpatterns": list(patterns)})


class Keeping(ScopedRateThrottle):
    def __init__(self):
        self.cache = caches["shared"]


@pytest.mark.parametrize(
    ("default", "how"),
    [
        (LOCAL, "LocMemCache: each process counts for itself"),
        (DUMMY, "DummyCache: it counts nothing"),
        (SHARED, None),
    ],
)
def test_throttles_that_do_not_count_for_all_processes_are_named(settings, default, how):
    settings.CACHES = {"default": default, "shared": SHARED}
    own = MCPServer("own")
    own.tool(lambda: None, name="slow", throttle="1/minute")
    own.tool(lambda: None, name="free")
    own.tool(lambda: None, name="kept", throttle=Keeping)
    mount(
        settings,
        path("mcp", endpoint(own, throttle_classes=[AnonRateThrottle])),
        path("kept/mcp", endpoint(own, throttle_classes=[Keeping])),
    )

    assert found("W040") == []
    hint = (
        "Configure CACHES['default'] with a cache that all processes share, such as "
        "django.core.cache.backends.redis.RedisCache, or give the throttle class a cache of its own."
    )
    places = ("the endpoint /mcp", "the tool 'slow' of 'own'") if how else ()
    assert found("W040", include_deployment_checks=True) == [
        (f"The throttle of {place} counts in {how}.", hint) for place in places
    ]


def gzip_all(get_response):
    """Compresses each response as a whole."""

    def middleware(request):
        response = get_response(request)
        return HttpResponse(gzip.compress(b"".join(response)))

    return middleware


class CompressBlocks(GZipMiddleware):
    """Compresses a stream block by block, whatever the response says of its encoding."""

    def process_response(self, request, response):
        del response["Content-Encoding"]
        return super().process_response(request, response)


@sync_and_async_middleware
def minify_never(get_response):
    return get_response


async def compress_later(request):
    return None


def compress_in_a_coroutine(get_response):
    return compress_later


def compress_not(get_response):
    raise RuntimeError("cannot be made here")


def test_middleware_that_holds_a_stream_back_is_named_and_djangos_gzip_is_not(settings):
    here = "tests.checks.test_deployment"
    harmless = ["minify_never", "compress_in_a_coroutine", "compress_not"]
    settings.MIDDLEWARE = [
        "django.middleware.gzip.GZipMiddleware",
        f"{here}.gzip_all",
        f"{here}.CompressBlocks",
        *(f"{here}.{name}" for name in harmless),
    ]

    assert [message for message, _ in found("W041")] == [
        f"{here}.{name} holds the events of a stream back, where Django serves an endpoint."
        for name in ("gzip_all", "CompressBlocks")
    ]


def test_hosts_that_nobody_checks_are_named_in_a_deployment(settings):
    settings.ALLOWED_HOSTS = [".example.com"]
    assert found("W042", include_deployment_checks=True) == []

    settings.ALLOWED_HOSTS = ["*"]
    assert found("W042") == []
    assert found("W042", include_deployment_checks=True) == [
        (
            "ALLOWED_HOSTS takes every host: a page whose name is pointed at this server may call it (DNS rebinding), "
            "and a caller decides which URLs the metadata names.",
            "List the hosts in ALLOWED_HOSTS.",
        )
    ]
    mount(settings)
    assert found("W042", include_deployment_checks=True) == []


@pytest.mark.parametrize(
    ("setting", "value", "is_named"),
    [
        ("MCP_PUBLIC_URL", "", True),
        ("MCP_PUBLIC_URL", "https://api.example.com", False),
        ("SECURE_PROXY_SSL_HEADER", ("HTTP_X_FORWARDED_PROTO", "https"), False),
        ("DEBUG", True, False),
    ],
)
def test_metadata_that_may_name_a_wrong_scheme_is_named(settings, setting, value, is_named):
    own = MCPServer("own")
    mount(
        settings,
        path("mcp", endpoint(own, authorization_servers=["https://auth.example.com"])),
        path("other/mcp", endpoint(own)),
    )
    setattr(settings, setting, value)

    assert found("W043") == []
    expected = (
        "The metadata of /mcp says http:// if a proxy in front ends TLS, and clients refuse that.",
        "Set MCP_PUBLIC_URL, such as 'https://api.example.com', or SECURE_PROXY_SSL_HEADER.",
    )
    assert found("W043", include_deployment_checks=True) == ([expected] if is_named else [])


class LeftToDjango(MCPView):
    def dispatch(self, request, *args, **kwargs):
        return super().dispatch(request, *args, **kwargs)


@pytest.mark.parametrize(
    ("application", "is_named"), [("in_lane", True), ("in_view", False), ("without_lane", False), ("nowhere", False)]
)
def test_an_endpoint_of_the_lane_that_only_djangos_sessions_open_is_named(settings, application, is_named):
    settings.ASGI_APPLICATION = f"tests.checks.test_deployment.{application}"
    settings.WSGI_APPLICATION = "django.core.wsgi.get_wsgi_application"
    own, only = MCPServer("own"), [SessionAuthentication]
    mount(
        settings,
        path("mcp", endpoint(own, authentication_classes=only)),
        path("both/mcp", endpoint(own, authentication_classes=[*only, BasicAuthentication])),
        path("none/mcp", endpoint(own, public=True)),
        path("django/mcp", endpoint(own, view_class=LeftToDjango, authentication_classes=only)),
    )

    expected = (
        "The endpoint /mcp knows its callers by SessionAuthentication alone. The ASGI lane has no sessions of "
        "Django's, so nobody is signed in there.",
        "Add a class that reads a token (django_mcp.contrib.tokens, django_mcp.contrib.oauth), or call "
        'mcp_application(application, posts="view").',
    )
    assert found("W044") == ([expected] if is_named else [])
    settings.ASGI_APPLICATION, settings.WSGI_APPLICATION = None, "testproject.wsgi.application"
    assert found("W044") == [
        (
            expected[0].replace("ASGI", "WSGI"),
            "Add a class that reads a token (django_mcp.contrib.tokens, django_mcp.contrib.oauth), or call "
            "django.core.wsgi.get_wsgi_application().",
        )
    ]


def test_a_tool_without_a_transaction_is_named_where_requests_are_atomic(settings, monkeypatch):
    own = MCPServer("own")
    own.tool(lambda: None, name="whole")
    own.tool(lambda: None, name="loose", atomic=False)
    mount(settings, path("mcp", endpoint(own)))

    assert found("W045") == []
    monkeypatch.setitem(settings.DATABASES["default"], "ATOMIC_REQUESTS", True)
    assert found("W045") == [
        (
            "own: the tool 'loose' has atomic=False, and ATOMIC_REQUESTS of default does not reach endpoints: it runs "
            "without a transaction.",
            "Take atomic=False away, or open transaction.atomic() in the tool.",
        )
    ]


@pytest.mark.django_db
def test_ended_sessions_that_nothing_deletes_are_named_where_the_database_is_asked(settings, time_machine):
    time_machine.move_to(NOW, tick=False)
    asked = {"include_deployment_checks": True, "databases": ["default"]}
    ended = Session.objects.create(server="own", expires_at=NOW - timedelta(days=2))
    assert found("W046", **asked) == []

    Session.objects.filter(pk=ended.pk).update(expires_at=NOW - timedelta(days=2, seconds=1))
    hint = (
        "Run manage.py mcp_purge daily, enqueue django_mcp.tasks.purge, or leave it to the server: MCP_SWEEP_SECONDS = "
        "600 (it is None)."
    )
    text = "Sessions ended more than 2 days ago, and no purge has deleted them"
    assert found("W046", include_deployment_checks=True) == []
    assert found("W046", **asked) == [(f"{text}.", hint)]
    upkeep.note("purge", NOW - timedelta(days=3))
    assert found("W046", **asked) == [(f"{text} since 2026-02-26 12:00.", hint)]
    upkeep.note("swept", NOW - timedelta(days=1))
    assert found("W046", **asked) == []


@pytest.mark.django_db
def test_a_database_without_the_tables_is_no_reason_to_fail(monkeypatch):
    monkeypatch.setattr(Upkeep._meta, "db_table", "nowhere")

    assert found("W046", include_deployment_checks=True, databases=["default"]) == []
