"""People's requests in the ASGI lane. They are left to Django, whose middleware knows sessions, languages and whatever
else the project asks of the people who sign in.
"""

import asyncio
from typing import TYPE_CHECKING, Any

from django_mcp.page import people
from django_mcp.protocol.headers import Headers

if TYPE_CHECKING:
    from . import Application, Receive, Scope, Send


async def ask_django(
    django_application: "Application",
    scope: "Scope",
    receive: "Receive",
    send: "Send",
    headers: Headers,
    *,
    streams: bool,
) -> "Scope | None":
    """The scope of a person's request that is left for the lane to serve; `None` where Django has answered it.
    `streams` says whether the lane opens streams for the page.
    """
    if streams:
        scope = {**scope, people.STREAMS: True}
    if people.opens_page(scope["method"], headers):
        return None if await show_page(django_application, scope, receive, send) else scope
    if streams and people.opens_stream(scope["method"], headers):
        return await let_in(django_application, scope, send)
    await django_application(scope, receive, send)
    return None


async def show_page(django_application: "Application", scope: "Scope", receive: "Receive", send: "Send") -> bool:
    """Sends the page that Django answers with, and says whether it was one. Any other answer is dropped: the lane
    refuses the request as it refuses everybody's.
    """
    shown: list[str] = []

    async def send_page(message: Any) -> None:
        if shown:
            await send(message)

    await django_application({**scope, people.NOTED: shown}, receive, send_page)
    return bool(shown)


async def let_in(django_application: "Application", scope: "Scope", send: "Send") -> "Scope | None":
    """The scope of a stream of the page whose person Django has let in; `None` when its refusal has been sent.

    Django is asked with the headers alone: the body is the lane's to read.
    """
    noted: list[str] = []
    asked: list[bool] = []

    async def receive_nothing() -> Any:
        if asked:
            # Django listens for a disconnect meanwhile, and cancels this when it has answered.
            await asyncio.Future()
        asked.append(True)
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send_refusal(message: Any) -> None:
        if not noted:
            await send(message)

    await django_application({**scope, people.NOTED: noted}, receive_nothing, send_refusal)
    return {**scope, people.PERSON: noted[0]} if noted else None
