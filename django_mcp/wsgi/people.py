"""People's requests in the WSGI lane. They are left to Django, whose middleware knows sessions, languages and whatever
else the project asks of the people who sign in.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django_mcp.page import people
from django_mcp.protocol.headers import Headers

if TYPE_CHECKING:
    from . import Application, Environ, StartResponse


def ask_django(
    django_application: "Application", environ: "Environ", start_response: "StartResponse", headers: Headers
) -> Iterable[bytes] | None:
    """Django's answer to a person's request; `None` where the lane refuses the request as it refuses everybody's,
    because a browser has asked for the page, and Django's answer is none.
    """
    if not people.opens_page(environ["REQUEST_METHOD"], headers):
        return django_application(environ, start_response)
    shown: list[str] = []
    started: list[tuple[Any, ...]] = []
    answer = django_application({**environ, people.NOTED: shown}, lambda *given: started.append(given))
    if shown and started:
        start_response(*started[-1])
        return answer
    if hasattr(answer, "close"):
        answer.close()
    return None
