"""Functions whose parameters depend on a class: their signature is set explicitly."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any


def described(function: Any, parameters: Mapping[str, tuple[Any, Any]], returns: Any) -> Callable[..., Any]:
    """The function with an explicit signature: these keywords, each with a type and a default (`...` for none)."""
    empty, keyword = inspect.Parameter.empty, inspect.Parameter.KEYWORD_ONLY
    listed = [
        inspect.Parameter(name, keyword, default=empty if default is ... else default, annotation=hint)
        for name, (hint, default) in parameters.items()
    ]
    first = next(iter(inspect.signature(function).parameters.values()), None)
    this = [first] if first is not None and first.name == "self" else []
    function.__signature__ = inspect.Signature([*this, *listed])
    optional = {name: hint | None if default is None else hint for name, (hint, default) in parameters.items()}
    function.__annotations__ = {**optional, "return": returns}
    made: Callable[..., Any] = function
    return made
