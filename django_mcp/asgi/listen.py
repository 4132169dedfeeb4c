"""A modern client's `subscriptions/listen`: sends changes as long as the client is connected and admitted. Nothing is
replayed.
"""

from collections.abc import AsyncGenerator, Iterable
from typing import Any

from django_mcp.bus import bell
from django_mcp.execution.threads import hop
from django_mcp.methods.request import Listen
from django_mcp.models import Change, to_json_text
from django_mcp.protocol import sse
from django_mcp.protocol.modern import SUBSCRIPTION_ID_META_KEY
from django_mcp.storage import changes

from .admission import Admission
from .stream import LinesConsumer, open_streams


class ListenConsumer(LinesConsumer):
    """The stream of a `subscriptions/listen`: sends changes as long as the client is connected and admitted."""

    def __init__(self, listen: Listen, admission: Admission | None = None) -> None:
        super().__init__(listen.request.caller.principal.expires_at, admission)
        self._listen = listen
        self._position = 0
        self._tag = {SUBSCRIPTION_ID_META_KEY: listen.request.id}

    def last_lines(self) -> bytes:
        result = {"resultType": "complete", "_meta": self._tag}
        return sse.encode(to_json_text({"jsonrpc": "2.0", "id": self._listen.request.id, "result": result}))

    async def lines(self) -> AsyncGenerator[bytes, None]:
        server = self._listen.request.server.name
        listener = await bell.listen([bell.server_group(server)], self.rung.set)
        try:
            self._position = await hop(changes.last_change, server)
            yield self._notification(
                "notifications/subscriptions/acknowledged", {"notifications": dict(self._listen.honoured)}
            )
            while not self.is_closing and await self.is_still_admitted():
                before = self._position
                yield b"".join(await self.read(self._read) or ()) or self.keep_alive()
                if self._position == before:
                    await self.wait()
        finally:
            listener.stop()

    def _read(self) -> list[bytes]:
        """The lines of the next changes that the client asked for and may read."""
        changed, position = changes.read_changes(self._listen.request.server.name, self._position, self.principal)
        wanted = [change for change in changed if self._listen.wants(change.method, change.uri)]
        extended = self._listen.extended
        uris = {change.uri for change in wanted if change.uri and change.method not in extended}
        hidden = self.admission.unreadable(uris) if uris and self.admission is not None else set()
        shown = _distinct(change for change in wanted if change.method in extended or change.uri not in hidden)
        lines = [self._of_extension(one) if one.method in extended else self._lines_of(one) for one in shown]
        # Only now, since any of these steps may fail.
        self._position = position
        return lines

    def _of_extension(self, change: Change) -> bytes:
        params = self.admission.payload(change.method, change.uri) if self.admission is not None else None
        return b"" if params is None else self._notification(change.method, dict(params))

    @property
    def principal(self) -> str:
        return self._listen.request.caller.principal.key

    @property
    def account(self) -> str:
        return self._listen.request.caller.principal.account

    def _lines_of(self, change: Change) -> bytes:
        return self._notification(change.method, {"uri": change.uri} if change.uri else {})

    def _notification(self, method: str, params: dict[str, Any]) -> bytes:
        return sse.encode(to_json_text({"jsonrpc": "2.0", "method": method, "params": {**params, "_meta": self._tag}}))


def listeners() -> list[ListenConsumer]:
    """The open `subscriptions/listen` streams of this process."""
    return [consumer for consumer in open_streams if isinstance(consumer, ListenConsumer)]


def _distinct(changes: Iterable[Change]) -> list[Change]:
    """The changes without repetitions: reading a list again once is enough for all of its changes."""
    return list({(change.method, change.uri): change for change in changes}.values())
