"""tools/list and tools/call."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ObjectDoesNotExist
from pydantic_core import to_json

from django_mcp import gates
from django_mcp.primitives import tool_search
from django_mcp.primitives.call_options import Budget, exceeded
from django_mcp.primitives.tools import Tool, ToolError
from django_mcp.protocol import modern
from django_mcp.protocol.errors import INVALID_PARAMS, Closed, ProtocolError, TooManyCalls

from . import lists
from .access import admit, check_open, visible
from .failures import in_words
from .request import Call, Listing, Request, Result, in_readers_language, take_string

if TYPE_CHECKING:
    from django_mcp.server import MCPServer

logger = logging.getLogger("django_mcp")


def is_list_inert(server: "MCPServer", params: Mapping[str, Any]) -> bool:
    return not server.chooses_tools and lists.is_inert(server, params)


def is_call_inert(server: "MCPServer", params: Mapping[str, Any]) -> bool:
    if server.chooses_tools or server.search_tools_above is not None:
        # `get_tools()` is code of developers, and the name may be that of the search.
        return False
    tool = server.registry.tools.get(str(params.get("name")))
    if tool is None:
        return True
    interceptors = server.tables.interceptors
    return tool.is_inert and not (interceptors and tool.interceptors(interceptors))


def list_tools(request: Request) -> Listing:
    """The tools that the caller may use; above `search_tools_above`, only those that are always listed and the
    search.
    """
    tools = dict(request.server.get_tools(request))
    threshold = request.server.search_tools_above
    if threshold is not None and len(seen := dict(visible(request, tools))) > threshold:
        tools = {name: tool for name, tool in seen.items() if tool.always_listed}
        tools |= tool_search.TOOLS
    with in_readers_language(request):
        return lists.page_of(request, "tools", _described(request, tools))


def call_tool(request: Request, *, deferred: bool = False) -> Call | Result:
    """The call of a tool. The model can correct invalid arguments, so they are answered in-band, with `isError` (spec
    2025-11-25 server/tools); so is the reason why a gate has closed the tool. A `deferred` call was counted, mirrored
    and intercepted when its request came.
    """
    try:
        return _call_open(request, deferred=deferred)
    except Closed as closed:
        request.note(error=closed)
        return error_result(str(closed))


def _call_open(request: Request, *, deferred: bool) -> Call | Result:
    name = take_string(request.params, "name")
    tools = request.server.get_tools(request)
    if request.server.search_tools_above is not None and name in tool_search.TOOLS:
        if gates.gates:
            check_open(request, "tool", name)
        return _search(request, tools) if name == tool_search.SEARCH else _call_found(request)
    if request.observed is not None:
        # Also of a tool that the caller may not use: it says which arguments are secret.
        request.observed.primitive = tools.get(name)
    tool = admit(request, tools.get(name))
    if tool is None:
        raise ProtocolError(INVALID_PARAMS, f"Unknown tool: {name}")
    if tool.throttle is not None and not deferred and (wait_seconds := tool.throttle(request.caller)) is not None:
        raise TooManyCalls(wait_seconds)
    sent = arguments = request.params.get("arguments") or {}
    if tool.describe is not None:
        try:
            tool = tool.described(request.caller)
        except Exception as error:
            logger.error("Tool %s cannot be called: its arguments cannot be described", tool.name, exc_info=error)
            request.note(error=error)
            return error_result(f"The tool {tool.name} cannot be used now. The server's log has the details.")
    if request.era == "modern" and tool.param_headers and not deferred:
        modern.check_param_headers(tool.param_headers, arguments, request.headers)
    if request.inputs is not None:
        # Answers without a sealed state that asked for them are accepted only by a read-only tool.
        request = replace(request, inputs=request.inputs.taken(only_asked=not tool.is_read_only))
    try:
        options, arguments = tool.resolve_options(arguments, request.server.budget)
        kwargs = tool.bind(arguments, request.context() if tool.signature.context_names else None)
    except Exception as error:
        # A validator of the developer may raise any exception.
        request.note(error=error)
        return _to_failure(tool, error)
    interceptors = request.server.tables.interceptors
    return Call(
        request=request,
        function=tool.signature.function,
        is_async=tool.signature.is_async,
        kwargs=kwargs,
        to_result=_result_maker(tool, options.budget, objects_only=request.era == "handshake"),
        to_failure=partial(_to_failure, tool),
        options=options,
        nonce="" if request.inputs is None or tool.is_repeatable else request.inputs.nonce,
        tool=tool if interceptors and not deferred and tool.interceptors(interceptors) else None,
        arguments=sent,
    )


def _described(request: Request, tools: Mapping[str, Tool]) -> list[tuple[str, Tool]]:
    """The tools that the caller may use, with their arguments. Leaves out a tool whose `describe` raises, and logs
    it.
    """
    server, seen = request.server, visible(request, tools)
    if not (server.registry.is_guarded or server.chooses_tools):
        # A tool with `describe` counts as guarded.
        return list(seen)
    return [
        (name, described)
        for name, tool in seen
        if (described := tool if tool.describe is None else _describe(request, name, tool)) is not None
    ]


def _describe(request: Request, name: str, tool: Tool) -> Tool | None:
    try:
        return tool.described(request.caller)
    except Exception as error:
        logger.error("Tool %s is left out of the list: its arguments cannot be described", name, exc_info=error)
        return None


def _search(request: Request, tools: Mapping[str, Tool]) -> Result:
    search = tool_search.TOOLS[tool_search.SEARCH]
    try:
        arguments = {"limit": 5, **search.bind(request.params.get("arguments") or {}, None)}
    except ToolError as error:
        request.note(error=error)
        return error_result(str(error))
    with in_readers_language(request):
        matches = tool_search.find((tool for _, tool in _described(request, tools) if tool.searchable), **arguments)
    return search.to_result(matches, objects_only=request.era == "handshake")


def _call_found(request: Request) -> Call | Result:
    """The call of the tool named in the arguments, as if the client had called it directly."""
    try:
        inner = tool_search.TOOLS[tool_search.CALL].bind(request.params.get("arguments") or {}, None)
        if inner["name"] in tool_search.TOOLS:
            raise ToolError(f"{inner['name']} is called by itself.")
        params = {**request.params, "name": inner["name"], "arguments": inner.get("arguments") or {}}
        if request.observed is not None:
            request.observed.name, request.observed.arguments = params["name"], params["arguments"]
        return call_tool(replace(request, params=params))
    except ToolError as error:
        request.note(error=error)
        return error_result(str(error))


def _result_maker(tool: Tool, budget: Budget | None, *, objects_only: bool) -> Callable[[Any], Result]:
    to_result = partial(tool.to_result, objects_only=objects_only)
    most = budget.result_bytes if budget is not None else None
    return to_result if most is None else lambda value: _held_to(most, to_result(value))


def _held_to(most: int, result: Result) -> Result:
    if len(to_json(result)) > most:
        raise exceeded("bytes of result", most)
    return result


def error_result(text: str) -> Result:
    """A result with the error text for the model."""
    return {"content": [{"type": "text", "text": text}], "isError": True}


def _to_failure(tool: Tool, error: Exception) -> Result:
    if isinstance(error, ProtocolError):
        raise error
    if (text := in_words(error)) is not None:
        if isinstance(error, ObjectDoesNotExist):
            # This may be a row that the model asked for, or a bug.
            logger.warning("Tool %s: %s", tool.name, error, exc_info=error)
        return error_result(text)
    # The text of the exception may contain a password or a row: it is for the log, not for the model.
    logger.error("Tool %s failed", tool.name, exc_info=error)
    return error_result(f"The tool {tool.name} failed unexpectedly. The server's log has the details.")
