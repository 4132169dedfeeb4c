"""A modern client's `subscriptions/listen`: the changes from now on, for as long as the client stays and would still be
admitted. Nothing is replayed.
"""

import time
from collections.abc import AsyncGenerator, Callable
from typing import Any

from django_mcp.bus import bell
from django_mcp.conf import mcp_settings
from django_mcp.execution.threads import hop
from django_mcp.methods.request import Listen
from django_mcp.models import to_json_text
from django_mcp.protocol import sse
from django_mcp.protocol.modern import SUBSCRIPTION_ID_META_KEY
from django_mcp.storage import changes

from .stream import LinesConsumer, open_streams


class ListenConsumer(LinesConsumer):
    """A modern client's `subscriptions/listen`: what changes from now on, for as long as the client stays, and would
    still be admitted. Nothing is replayed.
    """

    def __init__(self, listen: Listen, is_admitted: Callable[[], bool] | None = None) -> None:
        """`is_admitted` is asked in a thread, once in a keep-alive."""
        super().__init__(listen.request.caller.principal.expires_at)
        self._listen = listen
        self._is_admitted = is_admitted
        self._asked_at = time.monotonic()
        self._tag = {SUBSCRIPTION_ID_META_KEY: listen.request.id}

    def farewell(self) -> bytes:
        result = {"resultType": "complete", "_meta": self._tag}
        return sse.encode(to_json_text({"jsonrpc": "2.0", "id": self._listen.request.id, "result": result}))

    async def lines(self) -> AsyncGenerator[bytes, None]:
        server, principal = self._listen.request.server.name, self.principal
        listener = await bell.listen([bell.server_group(server)], self.news.set)
        try:
            position = await hop(changes.last_change, server)
            yield self._say("notifications/subscriptions/acknowledged", {"notifications": dict(self._listen.honoured)})
            while not self.is_closing and await self._may_stay():
                changed, position = await hop(changes.read_changes, server, position, principal)
                wanted = [change for change in changed if self._listen.wants(change.method, change.uri)]
                if wanted:
                    yield b"".join(
                        self._say(change.method, {"uri": change.uri} if change.uri else {})
                        for change in _distinct(wanted)
                    )
                if not changed and not await self.has_news():
                    yield sse.KEEPALIVE
        finally:
            listener.stop()

    async def _may_stay(self) -> bool:
        """Whether the client would be admitted again, asked now and then: also while there is news without a pause."""
        now = time.monotonic()
        if self._is_admitted is None or now - self._asked_at < mcp_settings.KEEPALIVE_SECONDS:
            return True
        self._asked_at = now
        return await hop(self._is_admitted)

    @property
    def principal(self) -> str:
        return self._listen.request.caller.principal.key

    @property
    def account(self) -> str:
        return self._listen.request.caller.principal.account

    def _say(self, method: str, params: dict[str, Any]) -> bytes:
        return sse.encode(to_json_text({"jsonrpc": "2.0", "method": method, "params": {**params, "_meta": self._tag}}))


def listeners() -> list[ListenConsumer]:
    """The `subscriptions/listen` streams that this process keeps open."""
    return [consumer for consumer in open_streams if isinstance(consumer, ListenConsumer)]


def _distinct(changes: list[Any]) -> list[Any]:
    """Changes without repetition: a client that reads a list again once has read it for all of them."""
    return list({(change.method, change.uri): change for change in changes}.values())
