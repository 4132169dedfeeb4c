"""The ASGI lane: serves MCP endpoints directly from ASGI, and passes all other requests to Django.

The project's middleware does not run here. The endpoints are those of the URLconf, so a URL is declared once.
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
"""An ASGI application, such as that of Django's `get_asgi_application()`, with any middleware around it."""


def get_asgi_application() -> Application:
    """Django's application with the MCP endpoints in front of it: replaces `django.core.asgi.get_asgi_application` in
    `asgi.py`.
    """
    django.setup(set_prefix=False)
    return mcp_application(ASGIHandler())


def mcp_application(django_application: Application, *, posts: Literal["lane", "view"] = "lane") -> Application:
    """An ASGI application that serves the project's MCP endpoints itself and passes all other requests to
    `django_application`.

    `posts="view"` leaves POST and DELETE to the view, for projects that need their middleware there. Endpoints whose
    class overrides more of DRF than the lane calls are left to Django.
    """
    # Imported here, because models need Django's setup, which `django_application` has done.
    from django_mcp.endpoint import routes
    from django_mcp.execution.threads import LoopContext
    from django_mcp.page import people
    from django_mcp.views import serves

    from .handler import EndpointRequest, read_headers
    from .people import ask_django
    from .shutdown import close_streams_at_shutdown

    async def application(scope: "Scope", receive: "Receive", send: "Send") -> None:
        match = routes.find(_path_of(scope)) if scope["type"] == "http" else None
        if match is None or (posts == "view" and scope["method"] != "GET") or not serves(match[0]):
            await django_application(scope, receive, send)
            return
        (route, kwargs), headers = match, read_headers(scope)
        view = route.view()
        if people.calls_from_page(scope["method"], headers) or people.opens_page(scope["method"], headers):
            left = await ask_django(django_application, scope, receive, send, headers, streams=posts == "lane")
            if left is None:
                return
            scope = left
            if people.PERSON in scope:
                view.serve_person()
        # Read once: it is a system call before Python 3.12.
        task = asyncio.current_task()
        assert task is not None
        loop_context = LoopContext.on(task.get_loop())
        close_streams_at_shutdown()
        # The stream is served here, so that the objects of answering the request are freed while the stream is open.
        consumer = await EndpointRequest(view, kwargs, scope, receive, send, headers, task, loop_context).serve()
        if consumer is not None:
            await consumer.serve(scope, receive, send)

    # For the system checks that ask for the lane.
    application.serves_mcp = True  # type: ignore[attr-defined]
    application.mcp_posts = posts  # type: ignore[attr-defined]
    return application


def _path_of(scope: "Scope") -> str:
    prefix: str = settings.FORCE_SCRIPT_NAME or scope.get("root_path", "")
    path: str = scope["path"]
    return path.removeprefix(prefix.rstrip("/"))
