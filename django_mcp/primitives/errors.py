"""What a tool raises to be heard by the model, and validation errors in words that a model or a user can act on."""

from pydantic_core import ValidationError


class ToolError(Exception):
    """What went wrong, said to the model: it reads the text in the call's result and can correct itself."""


def explain(error: ValidationError) -> str:
    """A validation error in words that a model can act on: one line an argument, what was wrong and what came."""
    lines = []
    for details in error.errors(include_url=False, include_context=False):
        where = ".".join(str(part) for part in details["loc"]) or "arguments"
        message = "Unknown argument" if details["type"] == "extra_forbidden" else details["msg"]
        lines.append(f"- {where}: {message}")
    return "\n".join(lines)
