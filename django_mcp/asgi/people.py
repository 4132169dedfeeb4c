"""People's requests in the ASGI lane. They are left to Django, whose middleware knows sessions, languages and whatever
else the project asks of the people who sign in.
"""

from typing import TYPE_CHECKING, Any

from django_mcp.page import people

from .handler import read_headers

if TYPE_CHECKING:
    from . import Application, Receive, Scope, Send


async def serve(django_application: "Application", scope: "Scope", receive: "Receive", send: "Send") -> bool:
    """Whether Django has answered a request of the page for people. A page that it did not show is the lane's to
    refuse, as for everybody.
    """
    headers = read_headers(scope)
    if people.calls_from_page(scope["method"], headers):
        await django_application(scope, receive, send)
        return True
    if not people.opens_page(scope["method"], headers):
        return False
    shown: list[bool] = []

    async def send_page(message: Any) -> None:
        if shown:
            await send(message)

    await django_application({**scope, people.SCOPE: shown}, receive, send_page)
    return bool(shown)
