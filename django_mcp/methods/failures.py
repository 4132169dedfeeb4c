"""The text that the model reads for an exception that a tool raised."""

from collections.abc import Mapping

from django.core import exceptions
from django.http import Http404

from django_mcp.exceptions import ToolError
from django_mcp.primitives.errors import lines_of


def in_words(error: Exception) -> str | None:
    """The text of an exception for the model; `None` for an exception that it must not read.

    Exceptions of Django and DRF that a view would answer with 400 to 499 tell the caller how to correct the request, so
    the model reads the same text as over HTTP.
    """
    match error:
        case ToolError():
            return str(error)
        case exceptions.ValidationError():
            return "\n".join(lines_of(error.message_dict if hasattr(error, "error_dict") else error.messages))
        case exceptions.PermissionDenied():
            return f"Not allowed: {error}" if str(error) else "Not allowed."
        case Http404() | exceptions.ObjectDoesNotExist():
            return f"Not found: {error}" if str(error) else "Not found."
    status, detail = getattr(error, "status_code", 500), getattr(error, "detail", None)
    if detail is None or not isinstance(status, int) or not 400 <= status < 500:
        return None
    return "\n".join(lines_of(detail)) if isinstance(detail, Mapping | list) else str(detail)
