"""The ASGI lane: MCP endpoints served straight from ASGI, and everything else handed on to Django.

No middleware of the project runs here. The endpoints are those of the URLconf, so a URL is written once.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import django
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    Scope: TypeAlias = MutableMapping[str, Any]
    Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
    Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]

Application: TypeAlias = Callable[[Any, Any, Any], Awaitable[None]]
"""An ASGI application, such as `get_asgi_application()` of Django returns, and whatever middleware is around it."""


def get_asgi_application() -> Application:
    """Django's application with the MCP endpoints in front of it: takes the place of
    `django.core.asgi.get_asgi_application` in `asgi.py`.
    """
    django.setup(set_prefix=False)
    return mcp_application(ASGIHandler())


def mcp_application(django_application: Application, *, posts: Literal["lane", "view"] = "lane") -> Application:
    """An ASGI application that serves the project's MCP endpoints itself and hands everything else to
    `django_application`.

    `posts="view"` leaves POST and DELETE to the view, for projects that need their middleware around them. Endpoints
    whose class overrides more of DRF than the lane calls are left to Django.
    """
    # Django's models can be imported once it is set up, which `django_application` has seen to.
    from django_mcp.endpoint import routes
    from django_mcp.execution.threads import LoopContext

    from . import people
    from .handler import EndpointRequest, serves
    from .shutdown import close_streams_at_shutdown

    def is_left(scope: "Scope") -> bool:
        return (posts == "view" and scope["method"] != "GET") or people.calls_from_page(scope)

    async def application(scope: "Scope", receive: "Receive", send: "Send") -> None:
        found = routes.find(_path_of(scope)) if scope["type"] == "http" else None
        if found is None or is_left(scope) or not serves(found[0]):
            await django_application(scope, receive, send)
            return
        route, kwargs = found
        if people.opens_page(scope) and await people.show_page(django_application, scope, receive, send):
            return
        # Asked once: it is a system call before Python 3.12.
        task = asyncio.current_task()
        assert task is not None
        loop_context = LoopContext.on(task.get_loop())
        close_streams_at_shutdown()
        # The consumer of a stream is served here, so that what answering took is not kept for as long as the stream.
        consumer = await EndpointRequest(route.view(), kwargs, scope, receive, send, task, loop_context).serve()
        if consumer is not None:
            await consumer.serve(scope, receive, send)

    application.serves_mcp = True  # type: ignore[attr-defined]  # for the system check that asks for the lane
    return application


def _path_of(scope: "Scope") -> str:
    prefix: str = settings.FORCE_SCRIPT_NAME or scope.get("root_path", "")
    path: str = scope["path"]
    return path.removeprefix(prefix.rstrip("/"))
