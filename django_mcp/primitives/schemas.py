"""JSON Schemas that every client can read: an object at the root, references inlined, no titles that repeat a name."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode

Schema = dict[str, Any]

_DEFINITIONS: Final = "#/$defs/"
_SCHEMAS_BY_NAME: Final = ("properties", "patternProperties", "dependentSchemas", "$defs", "definitions")
"""The keywords whose value maps names to schemas: their keys are names, even if they look like keywords."""
_VALUES: Final = ("default", "const", "enum", "examples")
"""The keywords whose value is data, never a schema."""


def describe(adapter: TypeAdapter[Any], mode: JsonSchemaMode) -> Schema:
    """The short schema of a type, for arguments (`validation`) or for results (`serialization`)."""
    return inline(adapter.json_schema(mode=mode, schema_generator=_Lean))


def inline(schema: Schema) -> Schema:
    """A schema with its local references inlined. Recursive references stay in `$defs`."""
    definitions: dict[str, Schema] = schema.get("$defs", {})
    recursive = {name for name in definitions if _reaches(name, name, definitions)}
    root = {key: value for key, value in schema.items() if key != "$defs"}
    if (name := _referred(root)) in definitions:
        # Inlined once even if it is recursive, so that the root is an object.
        beside = {key: value for key, value in root.items() if key != "$ref"}
        root = {**_unnamed(name, definitions[name]), **beside}
    inlined: Schema = _inline(root, definitions, recursive)
    if recursive:
        inlined["$defs"] = {
            name: _inline(_unnamed(name, definitions[name]), definitions, recursive) for name in sorted(recursive)
        }
    return inlined


def without_null(schema: Schema) -> Schema:
    """The schema of an optional argument without `null`: a client leaves the argument out instead, and many clients
    cannot read a union with null.
    """
    branches = schema.get("anyOf", [])
    kept = [branch for branch in branches if branch != {"type": "null"}]
    if len(branches) == len(kept):
        return schema
    rest = {key: value for key, value in schema.items() if key != "anyOf"}
    return {**kept[0], **rest} if len(kept) == 1 else {**rest, "anyOf": kept}


def walk(schema: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    """Every schema inside a schema, with the path of keys and indexes to it."""
    if isinstance(schema, Mapping):
        yield path, schema
        for key, value in schema.items():
            if key in _SCHEMAS_BY_NAME and isinstance(value, Mapping):
                for name, described in value.items():
                    yield from walk(described, (*path, key, name))
            elif key not in _VALUES:
                yield from walk(value, (*path, key))
    elif isinstance(schema, list):
        for index, value in enumerate(schema):
            yield from walk(value, (*path, str(index)))


class _Lean(GenerateJsonSchema):
    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def decimal_schema(self, schema: Any) -> Schema:
        made = super().decimal_schema(schema)
        if self.mode == "serialization":
            # The pattern of pydantic before 2.14 refuses the exponents that it writes.
            made.pop("pattern", None)
        return made


def _reaches(start: str, goal: str, definitions: dict[str, Schema], seen: frozenset[str] = frozenset()) -> bool:
    for name in _references(definitions[start]):
        if name == goal or (name not in seen and _reaches(name, goal, definitions, seen | {name})):
            return True
    return False


def _references(schema: Schema) -> set[str]:
    return {name for _, node in walk(schema) if (name := _referred(node))}


def _inline(node: Any, definitions: dict[str, Schema], recursive: set[str]) -> Any:
    if isinstance(node, list):
        return [_inline(item, definitions, recursive) for item in node]
    if not isinstance(node, dict):
        return node
    name = _referred(node)
    if name not in definitions or name in recursive:
        return {
            key: _inline_keyword(key, value, definitions, recursive)
            for key, value in node.items()
            # A keyword of OpenAPI; its mapping refers to definitions that are removed.
            if key != "discriminator"
        }
    beside = {key: value for key, value in node.items() if key != "$ref"}
    return _inline({**_unnamed(name, definitions[name]), **beside}, definitions, recursive)


def _inline_keyword(key: str, value: Any, definitions: dict[str, Schema], recursive: set[str]) -> Any:
    if key in _VALUES:
        return value
    if key in _SCHEMAS_BY_NAME and isinstance(value, dict):
        return {name: _inline(described, definitions, recursive) for name, described in value.items()}
    return _inline(value, definitions, recursive)


def _referred(node: Mapping[str, Any]) -> str:
    """The name of the definition that a schema refers to, or ""."""
    reference = node.get("$ref")
    return reference.removeprefix(_DEFINITIONS) if isinstance(reference, str) else ""


def _unnamed(name: str, schema: Schema) -> Schema:
    return {key: value for key, value in schema.items() if (key, value) != ("title", name)}
