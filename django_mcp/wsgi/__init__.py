"""The WSGI lane: serves MCP endpoints directly from WSGI, and passes all other requests to Django.

The project's middleware does not run here, as in the ASGI lane. There are no streams that stand open: GET is 405. The
endpoints are those of the URLconf, so a URL is declared once.
"""

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import django
from django.core.handlers.wsgi import WSGIHandler, get_path_info

Environ: TypeAlias = dict[str, Any]
StartResponse: TypeAlias = Callable[..., Any]

Application: TypeAlias = Callable[[Environ, StartResponse], Iterable[bytes]]
"""A WSGI application, such as that of Django's `get_wsgi_application()`, with any middleware around it."""


def get_wsgi_application() -> Application:
    """Django's application with the MCP endpoints in front of it: replaces `django.core.wsgi.get_wsgi_application` in
    `wsgi.py`.
    """
    django.setup(set_prefix=False)
    return mcp_wsgi_application(WSGIHandler())


def mcp_wsgi_application(django_application: Application) -> Application:
    """A WSGI application that serves the project's MCP endpoints itself and passes all other requests to
    `django_application`.

    Endpoints whose class overrides more of DRF than the lane calls are left to Django, and so are the requests of
    browsers for the page.
    """
    # Imported here, because models need Django's setup, which `django_application` has done.
    from django_mcp.endpoint import routes
    from django_mcp.endpoint.django_http import headers_of
    from django_mcp.page import people
    from django_mcp.views import serves

    from .handler import EndpointRequest
    from .people import ask_django

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        path_info = get_path_info(environ)
        match = routes.find(path_info)
        if match is None or not serves(match[0]):
            return django_application(environ, start_response)
        (route, kwargs), headers, method = match, headers_of(environ), environ["REQUEST_METHOD"]
        if people.calls_from_page(method, headers) or people.opens_page(method, headers):
            answer = ask_django(django_application, environ, start_response, headers)
            if answer is not None:
                return answer
        return EndpointRequest(route.view(), kwargs, environ, headers, path_info).serve(start_response)

    # For the system checks that ask for the lane.
    application.serves_mcp = True  # type: ignore[attr-defined]
    return application
