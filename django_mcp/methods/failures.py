"""What the model is told of an exception that a tool raised."""

from collections.abc import Mapping

from django.core import exceptions
from django.http import Http404

from django_mcp.primitives.errors import ToolError, lines_of


def in_words(error: Exception) -> str | None:
    """The words in which the model is told of an exception; `None` for one that is not meant for it.

    Those of Django's and DRF's that a view would answer with a status of 400 to 499 say what to do otherwise, so their
    text is told as it would be over HTTP.
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
