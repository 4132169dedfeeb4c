"""What a tool raises to be heard by the model, and errors in words that a model or a user can act on."""

from collections.abc import Mapping
from typing import Any, Final

from pydantic_core import ValidationError

_OF_THE_WHOLE: Final = ("non_field_errors", "__all__")
"""DRF's name and Django's for errors that are of no one field."""


class ToolError(Exception):
    """What went wrong, said to the model: it reads the text in the call's result and can correct itself."""


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
