"""What a tool raises to be heard by the model, and errors in words that a model or a user can act on."""

from collections.abc import Mapping
from typing import Any, Final

from django.core import exceptions
from django.http import Http404
from pydantic_core import ValidationError

_OF_THE_WHOLE: Final = ("non_field_errors", "__all__")
"""DRF's name and Django's for errors that are of no one field."""


class ToolError(Exception):
    """What went wrong, said to the model: it reads the text in the call's result and can correct itself."""


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


def lines_of(errors: Any, path: str = "") -> list[str]:
    """Errors by field, as Django's and DRF's validation has them: a line each, with the path to what is wrong."""
    if isinstance(errors, Mapping):
        return [
            line
            for name, inner in errors.items()
            for line in lines_of(inner, path if name in _OF_THE_WHOLE else f"{path}.{name}".lstrip("."))
        ]
    if isinstance(errors, list | tuple) and any(isinstance(inner, Mapping | list) for inner in errors):
        return [line for index, inner in enumerate(errors) for line in lines_of(inner, f"{path}.{index}".lstrip("."))]
    text = " ".join(map(str, errors)) if isinstance(errors, list | tuple) else str(errors)
    return [f"- {path}: {text}" if path else f"- {text}"] if text else []


def explain(error: ValidationError) -> str:
    """A validation error in words that a model can act on: one line an argument, what was wrong and what came."""
    lines = []
    for details in error.errors(include_url=False, include_context=False):
        where = ".".join(str(part) for part in details["loc"]) or "arguments"
        message = "Unknown argument" if details["type"] == "extra_forbidden" else details["msg"]
        lines.append(f"- {where}: {message}")
    return "\n".join(lines)
