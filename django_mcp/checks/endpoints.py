"""System checks of the project (`manage.py check`): settings that do not exist, and streams that could be served
better.
"""

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any, Final

from django.conf import settings
from django.core.checks import CheckMessage, Error, Info, Warning, register
from django.db import router as database_router
from django.utils.module_loading import import_string
from django.utils.translation import gettext, gettext_lazy
from rest_framework.permissions import AllowAny, BasePermission
from rest_framework.settings import api_settings

from django_mcp.bus import bell
from django_mcp.conf import mcp_settings, setting_names, unknown_setting_names, wrong_settings
from django_mcp.endpoint.hooks import left_to_django, overrides_of
from django_mcp.endpoint.routes import endpoint_paths, find_view, mounted_views, routes, shadowed_paths
from django_mcp.primitives.readiness import objections
from django_mcp.replicas import ReplicaRouter

MEANT: Final = gettext_lazy("Or say that it is meant: SILENCED_SYSTEM_CHECKS = ['%(check)s'].")
"""The end of a hint where a project may have its reasons."""


@register("mcp")
def check_setting_names(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Warns about misspelt settings, which would be ignored silently."""
    return [
        Warning(
            gettext("Nothing reads the setting %(name)s.") % {"name": name},
            hint=_correction_of(name),
            id="django_mcp.W001",
        )
        for name in unknown_setting_names()
    ]


def _correction_of(name: str) -> str:
    if meant := get_close_matches(name, setting_names(), n=1, cutoff=0.8):
        return gettext("Did you mean %(name)s?") % {"name": meant[0]}
    return gettext("Remove it, or correct its name: the documentation has a page of all settings.")


@register("mcp")
def check_settings(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Reports invalid settings, which would fail only at the first request."""
    return [
        Error(
            gettext("%(name)s is %(value)r.") % {"name": name, "value": getattr(settings, name)},
            hint=gettext("It has to be %(wanted)s.") % {"wanted": wanted},
            id="django_mcp.E032",
        )
        for name, wanted in wrong_settings().items()
    ]


@register("mcp")
def check_shadows(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Reports an endpoint behind a pattern that takes its path: clients would be answered by another view."""
    return [
        Warning(
            gettext("An earlier pattern of the URLconf takes %(path)s, so a client does not reach the endpoint there.")
            % {"path": path},
            hint=gettext("Put the endpoint before it: urlpatterns.insert(0, path(…))."),
            id="django_mcp.W050",
        )
        for path in shadowed_paths()
    ]


@register("mcp")
def check_lane(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Warns that under ASGI the view alone has no GET stream, and is much slower than the lane."""
    path = getattr(settings, "ASGI_APPLICATION", None)
    if not path:
        return []
    try:
        application = import_string(path)
    except ImportError as error:
        # The server that runs it will report this too, but later.
        text = gettext("ASGI_APPLICATION %(path)r cannot be imported: %(error)s.")
        return [Warning(text % {"path": path, "error": error}, id="django_mcp.W002")]
    if getattr(application, "serves_mcp", False):
        return []
    return [
        Warning(
            gettext(
                "ASGI_APPLICATION %(path)r does not serve MCP endpoints in their own lane, so they have no streams."
            )
            % {"path": path},
            hint=gettext(
                "Import get_asgi_application from django_mcp.asgi, not from django.core.asgi. If the application is "
                "wrapped further, set application.serves_mcp = True."
            ),
            id="django_mcp.W003",
        )
    ]


@register("mcp", deploy=True)
def check_public_endpoints(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Reports public endpoints, to make sure that they are meant to be."""
    if settings.DEBUG:
        return []
    return [
        Warning(
            gettext("Everybody may call the endpoint %(path)s: %(reason)s.") % {"path": path, "reason": reason},
            hint=f"{remedy} {MEANT % {'check': 'django_mcp.W006'}}",
            id="django_mcp.W006",
        )
        for path, view in mounted_views()
        for reason, remedy in _openings(view)
    ]


@register("mcp", deploy=True)
def check_public_tools(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Reports tools that may write, on endpoints that everybody may call, to make sure that they are meant to be."""
    if settings.DEBUG:
        return []
    return [
        Warning(
            gettext("Everybody may call the tool %(tool)r at %(path)s, and it may change something.")
            % {"tool": tool.name, "path": path},
            hint="{} {}".format(
                gettext("Give it permission= or scopes=, or say read_only=True if it only reads."),
                MEANT % {"check": "django_mcp.W047"},
            ),
            id="django_mcp.W047",
        )
        for path, view in mounted_views()
        if any(True for _ in _openings(view))
        for tool in view.get_server().registry.tools.values()
        if tool.access is None and not tool.definition["annotations"].get("readOnlyHint")
    ]


def _openings(view: Any) -> Iterator[tuple[str, str]]:
    """The reasons why everybody may call an endpoint, each with the remedy; none if its policies check the caller."""
    if view.public and view.permission_classes is None:
        yield gettext("it says public=True"), gettext("Take public=True away.")
    elif not _asks_for_more(view):
        yield (
            gettext("none of its permission_classes refuses anybody"),
            gettext("Put IsAuthenticated, or one of yours, among them."),
        )


def _asks_for_more(view: Any) -> bool:
    """Whether an endpoint's permissions can refuse a caller. A class with its own hook is assumed to."""
    from django_mcp.views import MCPView

    overrides = overrides_of(type(view), MCPView)
    if "get_permissions" in overrides.names or overrides.asks_itself:
        return True
    return any(type(one).has_permission not in _ADMITTING for one in view.get_permissions())


_ADMITTING: Final = (BasePermission.has_permission, AllowAny.has_permission)
"""The methods that admit everybody."""


PROXIED = ("SECURE_PROXY_SSL_HEADER", "USE_X_FORWARDED_HOST", "USE_X_FORWARDED_PORT")
"""Django's settings for projects behind a proxy."""


@register("mcp", deploy=True)
def check_proxies(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Warns if NUM_PROXIES is missing: throttles count anonymous callers by address, which X-Forwarded-For decides."""
    views = [find_view(f"/{path}") for path in endpoint_paths()]
    is_throttled = any(view is not None and view.throttle_classes for view in views)
    is_proxied = any(getattr(settings, name) for name in PROXIED)
    if api_settings.NUM_PROXIES is not None or not (is_throttled or is_proxied):
        return []
    return [
        Warning(
            gettext(
                "NUM_PROXIES is not set: DRF's throttles believe the X-Forwarded-For that a caller has written, and "
                "behind a proxy the limits of django_mcp take all strangers for one."
            ),
            hint=gettext(
                "Set REST_FRAMEWORK['NUM_PROXIES'] to the number of proxies in front of the project, 0 for none."
            ),
            id="django_mcp.W024",
        )
    ]


@register("mcp")
def check_server_names(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Reports two servers of one name: they would share sessions, subscriptions and request states."""
    mounted: dict[str, dict[int, str]] = {}
    for path, view in mounted_views():
        server = view.get_server()
        mounted.setdefault(server.name, {}).setdefault(id(server), path)
    return [
        Error(
            gettext("Several servers are called %(name)r: those at %(paths)s.")
            % {"name": name, "paths": ", ".join(sorted(paths.values()))},
            hint=gettext("Name each: MCPServer('trips'). A server without a name has that of MCP_SERVER_NAME."),
            id="django_mcp.E030",
        )
        for name, paths in mounted.items()
        if len(paths) > 1
    ]


@register("mcp", deploy=True)
def check_authenticators(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """The messages of authentication classes that have a method `check(path)`."""
    return [
        message
        for path, view in mounted_views()
        for authenticator in view.get_authenticators()
        for message in getattr(authenticator, "check", _no_messages)(path)
    ]


def _no_messages(path: str) -> list[CheckMessage]:
    return []


@register("mcp")
def check_replica(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Reports a replica setting that has no router, or no database."""
    alias = mcp_settings.READ_ONLY_DATABASE
    if not alias:
        return []
    if alias not in settings.DATABASES:
        text = gettext("MCP_READ_ONLY_DATABASE is %(name)r, which is no database.") % {"name": alias}
        hint = gettext("Name one of %(names)s.") % {"names": ", ".join(settings.DATABASES)}
        return [Error(text, hint=hint, id="django_mcp.E001")]
    if any(isinstance(router, ReplicaRouter) for router in database_router.routers):
        return []
    return [
        Warning(
            gettext("MCP_READ_ONLY_DATABASE is set, and no router reads from it."),
            hint=gettext('Put "django_mcp.replicas.ReplicaRouter" first in DATABASE_ROUTERS.'),
            id="django_mcp.W005",
        )
    ]


@register("mcp")
def check_hooks(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Reports a view class that overrides more of DRF than the ASGI lane calls: Django alone serves it."""
    from django_mcp.views import MCPView

    return [
        Warning(
            gettext(
                "The ASGI lane leaves the endpoint %(path)s to Django, since its class or as_view() overrides "
                "%(names)s: it has no GET stream there."
            )
            % {"path": route.pattern, "names": ", ".join(sorted(names))},
            hint="{} {}".format(
                gettext("Override initial(), check_permissions() or another hook of admission instead."),
                MEANT % {"check": "django_mcp.W020"},
            ),
            id="django_mcp.W020",
        )
        for route in routes()
        if (names := left_to_django(route.callback.view_class, MCPView, route.callback.view_initkwargs))
    ]


@register("mcp")
def check_extensions(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """The messages of the extensions of mounted servers."""
    servers = {id(server): server for server in (view.get_server() for _, view in mounted_views())}
    return [
        message
        for server in servers.values()
        for extension in server.extensions
        for message in extension.checks(server)
    ]


@register("mcp", deploy=True)
def check_channel_layer(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Reports a missing channel layer: with several processes, streams then have the latency of polling."""
    if bell.spans_processes():
        return []
    return [
        Warning(
            gettext(
                "No channel layer spans the processes: each polls the database for events of the others every "
                "%(seconds)s s (MCP_POLL_SECONDS)."
            )
            % {"seconds": f"{mcp_settings.POLL_SECONDS:g}"},
            hint=gettext(
                "With several processes, configure CHANNEL_LAYERS with channels_redis. Nothing is lost without it."
            ),
            id="django_mcp.W004",
        )
    ]


@register("mcp", deploy=True)
def check_readiness(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Reports tools that a directory of servers, or the API of a model, would refuse. Only for projects that ask for
    it.
    """
    refused = {
        server.name: [tool.name for tool in server.registry.tools.values() if objections(tool.definition)]
        for server in (view.get_server() for _, view in mounted_views())
    }
    return [
        Info(
            gettext("A directory of MCP servers would refuse tools of the server %(server)r: %(tools)s.")
            % {"server": name, "tools": ", ".join(tools)},
            hint=gettext("manage.py mcp_inspect --server %(server)s --ready says why.") % {"server": name},
            id="django_mcp.I001",
        )
        for name, tools in refused.items()
        if tools
    ]
