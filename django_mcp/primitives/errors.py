"""`ToolError`, which a tool raises to inform the model, and validation errors in words for a model or a user."""

from collections.abc import Mapping
from typing import Any, Final

from pydantic_core import ValidationError

_OF_THE_WHOLE: Final = ("non_field_errors", "__all__")
"""The keys of errors that belong to no single field, in DRF and in Django."""


def lines_of(errors: Any, path: str = "") -> list[str]:
    """Errors by field, as Django's and DRF's validation returns them: one line each, with the path to the field."""
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
    """A validation error in words for a model: one line per argument, with the problem and the value."""
    lines = []
    for details in error.errors(include_url=False, include_context=False):
        where = ".".join(str(part) for part in details["loc"]) or "arguments"
        message = "Unknown argument" if details["type"] == "extra_forbidden" else details["msg"]
        lines.append(f"- {where}: {message}")
    return "\n".join(lines)
