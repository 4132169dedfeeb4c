"""System checks (`manage.py check`) of the settings around MCP that would not do what they say there: caches of
throttles, middleware, hosts, Django's sessions and transactions, and the purge.
"""

import inspect
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final

from django.conf import settings
from django.core.cache.backends.dummy import DummyCache
from django.core.cache.backends.locmem import LocMemCache
from django.core.checks import CheckMessage, Warning, register
from django.db import DatabaseError
from django.http import HttpRequest
from django.utils import timezone
from django.utils.connection import ConnectionProxy
from django.utils.module_loading import import_string
from django.utils.translation import gettext
from rest_framework.authentication import SessionAuthentication

from django_mcp.conf import mcp_settings
from django_mcp.endpoint.django_http import to_stream
from django_mcp.endpoint.hooks import left_to_django
from django_mcp.endpoint.routes import mounted_servers, mounted_views, routes
from django_mcp.models import Session
from django_mcp.storage.database import alias
from django_mcp.storage.upkeep import PURGE, SWEPT, last_run
from django_mcp.views import MCPView


@register("mcp", deploy=True)
def check_throttles(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Reports throttles that count in a cache that each process has for itself."""
    throttled = {
        place: cache
        for place, throttle in _throttles()
        if isinstance(cache := _cache_of(throttle), LocMemCache | DummyCache)
    }
    return [
        Warning(
            (
                gettext("The throttle of %(place)s counts in %(cache)s: it counts nothing.")
                if isinstance(cache, DummyCache)
                else gettext("The throttle of %(place)s counts in %(cache)s: each process counts for itself.")
            )
            % {"place": place, "cache": type(cache).__name__},
            hint=gettext(
                "Configure CACHES['default'] with a cache that all processes share, such as "
                "django.core.cache.backends.redis.RedisCache, or give the throttle class a cache of its own."
            ),
            id="django_mcp.W040",
        )
        for place, cache in throttled.items()
    ]


def _throttles() -> Iterator[tuple[str, Any]]:
    """The throttles of endpoints and of tools, each with its place."""
    for path, view in mounted_views():
        for throttle in view.get_throttles():
            yield gettext("the endpoint %(path)s") % {"path": path}, throttle
    for server in mounted_servers():
        for tool in server.registry.tools.values():
            if (throttle_class := getattr(tool.throttle, "throttle_class", None)) is not None:
                place = gettext("the tool %(tool)r of %(server)r") % {"tool": tool.name, "server": server.name}
                yield place, throttle_class()


def _cache_of(throttle: Any) -> Any:
    """The cache in which a throttle counts: DRF's is Django's default one, behind a proxy."""
    cache = getattr(throttle, "cache", None)
    return cache._connections[cache._alias] if isinstance(cache, ConnectionProxy) else cache


_CHANGES_BODIES: Final = re.compile(r"gzip|compress|brotli|zstd|deflate|minif", re.IGNORECASE)
"""Names of middleware that may hold a body back until it is complete. No other middleware is called by the check."""


@register("mcp")
def check_middleware(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Reports middleware that collects or compresses a stream: its events would arrive late, all at once."""
    return [
        Warning(
            gettext("%(middleware)s holds the events of a stream back, where Django serves an endpoint.")
            % {"middleware": name},
            hint=gettext(
                "Have it leave responses alone that have a Content-Encoding, as Django's GZipMiddleware does, or that "
                "are text/event-stream; or serve the endpoints in the ASGI lane, where no middleware runs."
            ),
            id="django_mcp.W041",
        )
        for name in settings.MIDDLEWARE
        if _CHANGES_BODIES.search(name) and _holds_back(name)
    ]


def _holds_back(name: str) -> bool:
    """Whether a middleware lets the first event of a stream wait for the second. A middleware that cannot be called by
    itself counts as harmless.
    """
    sent: list[bytes] = []

    def events() -> Iterator[bytes]:
        for number in range(2):
            sent.append(b"data: %d%s\n\n" % (number, b" " * 512))
            yield sent[-1]

    request = HttpRequest()
    request.method, request.META["HTTP_ACCEPT_ENCODING"] = "POST", "gzip, deflate, br, zstd"
    try:
        response = import_string(name)(lambda request: to_stream(events(), request))(request)  # type: ignore[arg-type]
        if inspect.iscoroutine(response):
            response.close()
            return False
        return not response.streaming or next(iter(response)) != b"data: 0%s\n\n" % (b" " * 512) or len(sent) != 1
    except Exception:
        return False


@register("mcp", deploy=True)
def check_hosts(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Reports hosts that are not checked, and metadata that would name a wrong scheme behind a proxy."""
    found: list[CheckMessage] = []
    if "*" in settings.ALLOWED_HOSTS and any(True for _ in mounted_views()):
        found.append(
            Warning(
                gettext(
                    "ALLOWED_HOSTS takes every host: a page whose name is pointed at this server may call it (DNS "
                    "rebinding), and a caller decides which URLs the metadata names."
                ),
                hint=gettext("List the hosts in ALLOWED_HOSTS."),
                id="django_mcp.W042",
            )
        )
    if mcp_settings.PUBLIC_URL or settings.SECURE_PROXY_SSL_HEADER or settings.DEBUG:
        return found
    return found + [
        Warning(
            gettext("The metadata of %(path)s says http:// if a proxy in front ends TLS, and clients refuse that.")
            % {"path": path},
            hint=gettext("Set MCP_PUBLIC_URL, such as 'https://api.example.com', or SECURE_PROXY_SSL_HEADER."),
            id="django_mcp.W043",
        )
        for path, view in mounted_views()
        if view.authorization_servers
    ]


@register("mcp")
def check_django_sessions(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Reports endpoints of a lane whose callers could sign in by Django's sessions alone: no middleware runs there, so
    nobody is signed in.
    """
    return [
        Warning(
            gettext(
                "The endpoint %(path)s knows its callers by SessionAuthentication alone. The %(lane)s lane has no "
                "sessions of Django's, so nobody is signed in there."
            )
            % {"path": route.pattern, "lane": lane},
            hint=gettext(
                "Add a class that reads a token (django_mcp.contrib.tokens, django_mcp.contrib.oauth), or call "
                "%(remedy)s."
            )
            % {"remedy": remedy},
            id="django_mcp.W044",
        )
        for lane, remedy in _lanes()
        for route in routes()
        if not left_to_django(route.callback.view_class, MCPView, route.callback.view_initkwargs)
        and (authenticators := route.view().get_authenticators())
        and all(isinstance(one, SessionAuthentication) for one in authenticators)
    ]


def _lanes() -> Iterator[tuple[str, str]]:
    """The lanes in which the project serves POSTs, each with the call that leaves them to the view."""
    if getattr(_application("ASGI_APPLICATION"), "mcp_posts", None) == "lane":
        yield "ASGI", 'mcp_application(application, posts="view")'
    if getattr(_application("WSGI_APPLICATION"), "serves_mcp", False):
        yield "WSGI", "django.core.wsgi.get_wsgi_application()"


def _application(setting: str) -> Any:
    """The application that a setting names; None where there is none."""
    try:
        return import_string(getattr(settings, setting, None) or "")
    except Exception:
        return None


@register("mcp")
def check_transactions(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Reports tools without a transaction in a project that relies on ATOMIC_REQUESTS."""
    relying = sorted(alias for alias, database in settings.DATABASES.items() if database.get("ATOMIC_REQUESTS"))
    if not relying:
        return []
    return [
        Warning(
            gettext(
                "%(server)s: the tool %(tool)r has atomic=False, and ATOMIC_REQUESTS of %(databases)s does not reach "
                "endpoints: it runs without a transaction."
            )
            % {"server": server.name, "tool": tool.name, "databases": ", ".join(relying)},
            hint=gettext("Take atomic=False away, or open transaction.atomic() in the tool."),
            id="django_mcp.W045",
        )
        for server in mounted_servers()
        for tool in server.registry.tools.values()
        if not tool.options.atomic
    ]


@register("mcp", deploy=True)
def check_purge(app_configs: Any, databases: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Reports ended sessions that nothing deletes. Asks the database only where the command names it: `manage.py check
    --deploy --database default`.
    """
    if alias() not in (databases or ()):
        return []
    try:
        ran_at, long_ago = last_run(PURGE, SWEPT), timezone.now() - UNPURGED
        is_behind = ran_at is None or ran_at < long_ago
        if not (is_behind and Session.objects.using(alias()).filter(expires_at__lt=long_ago).exists()):
            return []
    except DatabaseError:
        return []  # `migrate` has not run yet.
    return [
        Warning(
            (
                gettext("Sessions ended more than %(days)d days ago, and no purge has deleted them since %(time)s.")
                if ran_at
                else gettext("Sessions ended more than %(days)d days ago, and no purge has deleted them.")
            )
            % {"days": UNPURGED.days, "time": f"{ran_at:%Y-%m-%d %H:%M}" if ran_at else ""},
            hint=gettext(
                "Run manage.py mcp_purge daily, enqueue django_mcp.tasks.purge, or leave it to the server: "
                "MCP_SWEEP_SECONDS = 600 (it is %(seconds)s)."
            )
            % {"seconds": mcp_settings.SWEEP_SECONDS},
            id="django_mcp.W046",
        )
    ]


UNPURGED: Final = timedelta(days=2)
"""A deployment that is purged daily never leaves ended sessions for this long."""
