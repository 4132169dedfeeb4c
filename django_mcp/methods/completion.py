"""completion/complete: suggestions for a prompt's argument or a template's variable."""

import logging
from collections.abc import Iterable
from itertools import islice
from typing import Any, Final

from django_mcp.primitives.completion import Completers
from django_mcp.primitives.resources import ResourceTemplate
from django_mcp.protocol.errors import INTERNAL_ERROR, INVALID_PARAMS, ProtocolError

from .access import admit
from .request import Call, Request, Result

logger = logging.getLogger("django_mcp")

MAX_VALUES: Final = 100
"""The specification's limit for one response (server/utilities/completion)."""


def complete(request: Request) -> Call | Result:
    completers = _completers(request)
    argument = request.params["argument"]
    completer = completers.get(argument["name"])
    if completer is None:
        return _to_result(())
    filled = (request.params.get("context") or {}).get("arguments") or {}
    args, kwargs = completer.bind(argument["value"], filled, request.context())
    return Call(
        request=request,
        function=completer.function,
        is_async=completer.is_async,
        args=args,
        kwargs=kwargs,
        to_result=_to_result,
        to_failure=_raise_failure,
    )


def _completers(request: Request) -> Completers:
    registry, reference = request.server.registry, request.params["ref"]
    if reference["type"] == "ref/prompt":
        prompt = admit(request, registry.prompts.get(reference["name"]))
        if prompt is None:
            raise ProtocolError(INVALID_PARAMS, f"Unknown prompt: {reference['name']}")
        if request.observed is not None:
            request.observed.primitive = prompt
        return prompt.completers
    uri = reference["uri"]
    template = registry.templates.get(uri)
    resource = template or (registry.find_resource(uri) or (None,))[0]
    if admit(request, resource) is not None:
        if request.observed is not None:
            request.observed.primitive = resource
        return resource.completers if isinstance(resource, ResourceTemplate) else {}
    raise ProtocolError(INVALID_PARAMS, f"Unknown resource: {uri}")


def _to_result(values: Iterable[Any]) -> Result:
    # Reads one value more than may be sent, to set `hasMore` without reading all.
    suggestions = [str(value) for value in islice(values, MAX_VALUES + 1)]
    completion: dict[str, Any] = {"values": suggestions[:MAX_VALUES], "hasMore": len(suggestions) > MAX_VALUES}
    if not completion["hasMore"]:
        completion["total"] = len(suggestions)
    return {"completion": completion}


def _raise_failure(error: Exception) -> Result:
    if isinstance(error, ProtocolError):
        raise error
    logger.error("Completion failed", exc_info=error)
    raise ProtocolError(INTERNAL_ERROR, "Internal error") from error
