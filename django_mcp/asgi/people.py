"""People's requests in the ASGI lane. They are left to Django, whose middleware knows sessions, languages and whatever
else the project asks of the people who sign in.
"""

from typing import TYPE_CHECKING, Any, Final

from django_mcp.page import people

from .handler import read_headers

if TYPE_CHECKING:
    from . import Application, Receive, Scope, Send

_HEADER: Final = people.HEADER.encode()


def opens_page(scope: "Scope") -> bool:
    """Whether a browser opens the endpoint's address."""
    return scope["method"] == "GET" and people.opens_page("GET", read_headers(scope))


def calls_from_page(scope: "Scope") -> bool:
    """Whether the page makes a call. It is asked of every POST, so the other headers are not read for it."""
    return scope["method"] == "POST" and any(name == _HEADER for name, _value in scope["headers"])


async def show_page(django_application: "Application", scope: "Scope", receive: "Receive", send: "Send") -> bool:
    """Sends the page that Django answers with, and says whether it was one. Any other answer is dropped: the lane
    refuses the request as it refuses everybody's.
    """
    shown: list[bool] = []

    async def send_page(message: Any) -> None:
        if shown:
            await send(message)

    await django_application({**scope, people.SCOPE: shown}, receive, send_page)
    return bool(shown)
