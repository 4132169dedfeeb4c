"""People's requests in the ASGI lane. They are left to Django, whose middleware knows sessions, languages and whatever
else the project asks of the people who sign in.
"""

from typing import TYPE_CHECKING, Any

from django_mcp.page import people

if TYPE_CHECKING:
    from . import Application, Receive, Scope, Send


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
