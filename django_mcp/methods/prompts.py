"""prompts/list and prompts/get."""

import logging

from pydantic import ValidationError

from django_mcp.primitives import content, signatures
from django_mcp.primitives.prompts import Prompt
from django_mcp.primitives.templates import in_language
from django_mcp.primitives.tools import ToolError
from django_mcp.protocol.errors import INTERNAL_ERROR, INVALID_PARAMS, ProtocolError

from .access import admit
from .lists import list_page
from .request import Call, Listing, Request, Result, in_readers_language, language_of, take_string

logger = logging.getLogger("django_mcp")


def list_prompts(request: Request) -> Listing:
    return list_page(request, "prompts", request.server.registry.prompts)


def get_prompt(request: Request) -> Call:
    name = take_string(request.params, "name")
    if request.observed is not None:
        request.observed.primitive = request.server.registry.prompts.get(name)
    prompt = admit(request, request.server.registry.prompts.get(name))
    if prompt is None:
        raise ProtocolError(INVALID_PARAMS, f"Unknown prompt: {name}")
    arguments = request.params.get("arguments") or {}
    try:
        kwargs = prompt.signature.bind(arguments, request.context() if prompt.signature.context_names else None)
    except ValidationError as error:
        raise ProtocolError(INVALID_PARAMS, f"Invalid arguments for {name}:\n{signatures.explain(error)}") from None
    with in_readers_language(request):
        description = prompt.definition.get("description")
    return Call(
        request=request,
        function=in_language(prompt.signature.function, language_of(request)),
        is_async=prompt.signature.is_async,
        kwargs=kwargs,
        to_result=lambda value: _to_result(description, value),
        to_failure=lambda error: _raise_failure(prompt, error),
    )


def _to_result(description: str | None, value: object) -> Result:
    result: Result = {"messages": content.to_messages(value)}
    if description:
        result["description"] = description
    return result


def _raise_failure(prompt: Prompt, error: Exception) -> Result:
    if isinstance(error, ProtocolError):
        raise error
    if isinstance(error, ToolError):
        raise ProtocolError(INVALID_PARAMS, str(error)) from error
    logger.error("Prompt %s failed", prompt.name, exc_info=error)
    raise ProtocolError(INTERNAL_ERROR, "Internal error") from error
