"""resources/list, resources/templates/list and resources/read."""

import logging

from django.core.exceptions import ObjectDoesNotExist
from django.http import Http404
from pydantic import ValidationError

from django_mcp import gates
from django_mcp.exceptions import ResourceNotFound
from django_mcp.primitives import content
from django_mcp.primitives.resources import Resource, ResourceTemplate
from django_mcp.primitives.templates import in_language
from django_mcp.protocol.errors import INTERNAL_ERROR, INVALID_PARAMS, RESOURCE_NOT_FOUND, ProtocolError

from .access import admit, check_open
from .lists import list_page
from .request import Call, Listing, Request, Result, language_of, take_string

logger = logging.getLogger("django_mcp")


def list_resources(request: Request) -> Listing:
    return list_page(request, "resources", request.server.registry.resources)


def list_templates(request: Request) -> Listing:
    return list_page(request, "resourceTemplates", request.server.registry.templates)


def read_resource(request: Request) -> Call:
    """The call that reads a resource: the one with exactly this URI, else the first template that matches, in order of
    declaration.
    """
    uri = take_string(request.params, "uri")
    resource, variables = find_resource(request, uri)
    try:
        kwargs = resource.signature.bind(variables, request.context() if resource.signature.context_names else None)
    except ValidationError:
        raise not_found(request, uri) from None
    return Call(
        request=request,
        function=in_language(resource.signature.function, language_of(request)),
        is_async=resource.signature.is_async,
        kwargs=kwargs,
        to_result=lambda value: {"contents": content.to_contents(uri, value, resource.mime_type)},
        to_failure=lambda error: _raise_failure(request, uri, error),
    )


def not_found(request: Request, uri: str) -> ProtocolError:
    """The same error for a resource that does not exist and one that the caller may not see, with the code of the
    client's era.
    """
    code = INVALID_PARAMS if request.era == "modern" else RESOURCE_NOT_FOUND
    return ProtocolError(code, "Resource not found", {"uri": uri})


def find_resource(request: Request, uri: str) -> tuple[Resource | ResourceTemplate, dict[str, str]]:
    """The resource or template of a URI, and its variables. Raises `ProtocolError` when there is none."""
    match = request.server.registry.find_resource(uri)
    if match is None:
        request.note("unknown")
        raise not_found(request, uri)
    if request.observed is not None:
        request.observed.primitive, request.observed.arguments = match
    if admit(request, match[0]) is None:
        raise not_found(request, uri)
    if gates.gates:
        # One resource of a template may be closed by its own URI.
        check_open(request, "resource", uri)
    return match


def _raise_failure(request: Request, uri: str, error: Exception) -> Result:
    if isinstance(error, ProtocolError):
        raise error
    if isinstance(error, ResourceNotFound | ObjectDoesNotExist | Http404):
        request.note("unknown", error)
        raise not_found(request, uri) from error
    # %r, because the client chose the URI: a line break in it could forge a log entry.
    logger.error("Resource %r failed", uri, exc_info=error)
    raise ProtocolError(INTERNAL_ERROR, "Internal error") from error
