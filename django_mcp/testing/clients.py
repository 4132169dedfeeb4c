"""The two clients: the same methods, sync and async."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeAlias

from asgiref.sync import async_to_sync, sync_to_async

from .carriers import Outgoing, send_asgi, send_view, send_wsgi
from .conversation import Conversation, Steps, T
from .query_log import QueryLog, logged
from .responses import Response
from .results import CallResult

Params: TypeAlias = Mapping[str, Any] | None
Headers: TypeAlias = Mapping[str, str] | None


class MCPClient(Conversation):
    """A client of the endpoint at `path`, for a sync test. Its arguments are those of `Conversation`."""

    def initialize(self) -> dict[str, Any]:
        """Opens the session, and returns the server's result; a modern client sends `server/discover` instead."""
        return self._run(self._initialize())

    def close(self) -> Response:
        """Terminates the session."""
        return self._run(self._send("DELETE"))

    def expire_session(self) -> None:
        """Lets the session expire now, as if `MCP_SESSION_TTL_SECONDS` had passed: the next request is answered 404,
        and `initialize` opens another.
        """
        self._expire()

    def list_tools(self) -> list[dict[str, Any]]:
        return self._run(self._list("tools/list", "tools"))

    def call_tool(self, name: str, arguments: Params = None, **headers: str) -> CallResult:
        """Calls a tool; keyword arguments are additional headers."""
        return self._run(self._call_tool(name, arguments, headers))

    def list_resources(self) -> list[dict[str, Any]]:
        return self._run(self._list("resources/list", "resources"))

    def list_resource_templates(self) -> list[dict[str, Any]]:
        return self._run(self._list("resources/templates/list", "resourceTemplates"))

    def read_resource(self, uri: str) -> list[dict[str, Any]]:
        return self._run(self._read_resource(uri))

    def list_prompts(self) -> list[dict[str, Any]]:
        return self._run(self._list("prompts/list", "prompts"))

    def get_prompt(self, name: str, arguments: Mapping[str, str] | None = None) -> dict[str, Any]:
        return self._run(self._request("prompts/get", {"name": name, "arguments": dict(arguments or {})}))

    def complete(
        self, ref: Mapping[str, str], argument: str, value: str, context: Mapping[str, str] | None = None
    ) -> list[str]:
        """The server's suggestions for an argument of a prompt or a template."""
        return self._run(self._complete(ref, argument, value, context))

    def request(self, method: str, params: Params = None, *, headers: Headers = None) -> dict[str, Any]:
        """The result of a request. Raises `MCPError` for an error."""
        return self._run(self._request(method, params, headers))

    def notify(self, method: str, params: Params = None) -> Response:
        return self._run(self._notify(method, params))

    def post(self, body: Any, headers: Headers = None) -> Response:
        """Posts a message or raw bytes; `headers` replace the client's own, and an empty value removes one."""
        return self._run(self._post(body, headers))

    def send(self, http_method: str, body: bytes = b"", headers: Headers = None) -> Response:
        """Sends one HTTP request in this client's session."""
        return self._run(self._send(http_method, body, headers))

    def _run(self, steps: Steps[T]) -> T:
        with self._acting():
            try:
                outgoing = next(steps)
                while True:
                    outgoing = steps.send(self._carry(outgoing))
            except StopIteration as done:
                result: T = done.value
                return result

    def _carry(self, outgoing: Outgoing) -> Response:
        with logged() as log:
            if self._lane == "view":
                response = send_view(outgoing)
            elif self._lane == "wsgi":
                response = send_wsgi(self._find_application(), outgoing)
            else:
                response = async_to_sync(send_asgi)(self._find_application(), outgoing)
        return replace(response, queries=tuple(log.found))


class AsyncMCPClient(Conversation):
    """`MCPClient` for an async test: the same arguments, and the same methods, awaited."""

    async def initialize(self) -> dict[str, Any]:
        return await self._run(self._initialize())

    async def close(self) -> Response:
        return await self._run(self._send("DELETE"))

    async def expire_session(self) -> None:
        await sync_to_async(self._expire)()

    async def list_tools(self) -> list[dict[str, Any]]:
        return await self._run(self._list("tools/list", "tools"))

    async def call_tool(self, name: str, arguments: Params = None, **headers: str) -> CallResult:
        return await self._run(self._call_tool(name, arguments, headers))

    async def list_resources(self) -> list[dict[str, Any]]:
        return await self._run(self._list("resources/list", "resources"))

    async def list_resource_templates(self) -> list[dict[str, Any]]:
        return await self._run(self._list("resources/templates/list", "resourceTemplates"))

    async def read_resource(self, uri: str) -> list[dict[str, Any]]:
        return await self._run(self._read_resource(uri))

    async def list_prompts(self) -> list[dict[str, Any]]:
        return await self._run(self._list("prompts/list", "prompts"))

    async def get_prompt(self, name: str, arguments: Mapping[str, str] | None = None) -> dict[str, Any]:
        return await self._run(self._request("prompts/get", {"name": name, "arguments": dict(arguments or {})}))

    async def complete(
        self, ref: Mapping[str, str], argument: str, value: str, context: Mapping[str, str] | None = None
    ) -> list[str]:
        return await self._run(self._complete(ref, argument, value, context))

    async def request(self, method: str, params: Params = None, *, headers: Headers = None) -> dict[str, Any]:
        return await self._run(self._request(method, params, headers))

    async def notify(self, method: str, params: Params = None) -> Response:
        return await self._run(self._notify(method, params))

    async def post(self, body: Any, headers: Headers = None) -> Response:
        return await self._run(self._post(body, headers))

    async def send(self, http_method: str, body: bytes = b"", headers: Headers = None) -> Response:
        return await self._run(self._send(http_method, body, headers))

    async def _run(self, steps: Steps[T]) -> T:
        with self._acting():
            try:
                outgoing = next(steps)
                while True:
                    outgoing = steps.send(await self._carry(outgoing))
            except StopIteration as done:
                result: T = done.value
                return result

    async def _carry(self, outgoing: Outgoing) -> Response:
        log = QueryLog()
        # In the thread of sync code, where a connection is the one that the call uses.
        await sync_to_async(log.start)()
        try:
            if self._lane == "view":
                response = await sync_to_async(send_view)(outgoing)
            elif self._lane == "wsgi":
                response = await sync_to_async(send_wsgi)(self._find_application(), outgoing)
            else:
                response = await send_asgi(self._find_application(), outgoing)
        finally:
            await sync_to_async(log.stop)()
        return replace(response, queries=tuple(log.found))
