"""Whether validation runs code of the developer: such code may query the database, so it may not run on an event
loop.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from pydantic import TypeAdapter

_FACTORIES: Final = (list, dict, set, frozenset, tuple, str, int, float, bool, bytes)


def runs_own_code(adapter: TypeAdapter[Any]) -> bool:
    """True when the schema has a validator, a default factory or a `__post_init__` that is not pydantic's own."""
    return _runs_own_code(adapter.core_schema)


def _runs_own_code(node: Any) -> bool:
    if isinstance(node, list | tuple):
        return any(map(_runs_own_code, node))
    if not isinstance(node, Mapping):
        return False
    if any(_is_own(function) for function in _functions_of(node)):
        return True
    if node.get("custom_init") or node.get("post_init") or node.get("missing"):
        return True
    return any(_runs_own_code(value) for key, value in node.items() if key not in ("serialization", "metadata"))


def _functions_of(node: Mapping[str, Any]) -> list[Callable[..., Any]]:
    functions = []
    if str(node.get("type", "")).startswith("function-"):
        functions.append(node["function"]["function"])
    if "default_factory" in node and node["default_factory"] not in _FACTORIES:
        functions.append(node["default_factory"])
    return functions


def _is_own(function: Callable[..., Any]) -> bool:
    return not str(getattr(function, "__module__", "") or "").startswith("pydantic")
