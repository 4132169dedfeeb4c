"""Arguments for tools, made from their JSON Schemas by Hypothesis.

It knows the keywords that tools' schemas have; where it does not know one, it makes values that may not fit, which a
tool has to refuse.
"""

import re
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

Schema: TypeAlias = Mapping[str, Any]

MAX_DEPTH: Final = 3
"""Schemas may contain themselves: deeper than this, values have only the members that they need, and then any value."""

MAX_ITEMS: Final = 5
MAX_LENGTH: Final = 50
MAX_REGEX: Final = 1000
"""The longest pattern that is followed: making text for a pattern takes longer the longer it is."""

# Lone surrogates too: JSON can spell them.
TEXT: Final = st.text(st.characters(exclude_categories=()), max_size=MAX_LENGTH)
NUMBERS: Final = st.floats(allow_nan=False, allow_infinity=False)
ANYTHING: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)

FORMATS: Final[dict[str, SearchStrategy[str]]] = {
    "date": st.dates().map(str),
    "date-time": st.datetimes(timezones=st.timezones()).map(lambda moment: moment.isoformat()),
    "time": st.times().map(str),
    "email": st.emails(),
    "uuid": st.uuids().map(str),
    "uri": st.builds("https://example.com/{}".format, st.text("abc/%?#", max_size=10)),
    "ipv4": st.ip_addresses(v=4).map(str),
    "ipv6": st.ip_addresses(v=6).map(str),
}


def arguments_of(schema: Schema) -> SearchStrategy[dict[str, Any]]:
    """Arguments that fit, mostly; and some with a member that is missing, unknown or of another type."""
    fitting = values_of(schema)
    return st.one_of(fitting, fitting, fitting.flatmap(_spoiled))


def values_of(schema: Any, root: Schema | None = None, depth: int = 0) -> SearchStrategy[Any]:
    """Values that fit the schema."""
    if not isinstance(schema, Mapping):
        return ANYTHING if schema is not False else st.nothing()
    if depth > 2 * MAX_DEPTH:
        return ANYTHING
    if depth == 0:
        return _values_of(schema, root or schema, depth)
    # Made when it is drawn from: a schema with many branches would take for ever to go through.
    return st.deferred(lambda: _values_of(schema, root or schema, depth))


def _values_of(schema: Schema, root: Schema, depth: int) -> SearchStrategy[Any]:
    schema = _resolved(schema, root)
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if branches := schema.get("anyOf") or schema.get("oneOf"):
        beside = {key: value for key, value in schema.items() if key not in ("anyOf", "oneOf")}
        shallow = branches if depth < MAX_DEPTH else branches[-1:]
        return st.one_of([values_of({**beside, **_resolved(one, root)}, root, depth + 1) for one in shallow])
    types = schema.get("type") or _implied(schema)
    types = [types] if isinstance(types, str) else types
    return st.one_of([_of_type(one, schema, root, depth) for one in types]) if types else ANYTHING


def _resolved(schema: Schema, root: Schema) -> dict[str, Any]:
    """The schema with its reference, and all parts of `allOf`, in one."""
    found = dict(schema)
    for _ in range(MAX_DEPTH):
        if "$ref" not in found:
            break
        target: Any = root
        for part in found.pop("$ref").lstrip("#/").split("/"):
            target = target.get(part.replace("~1", "/").replace("~0", "~"), {}) if part else target
        found = {**target, **found}
    for part in found.pop("allOf", ()):
        part = _resolved(part, root)
        properties = {**found.get("properties", {}), **part.get("properties", {})}
        required = [*found.get("required", ()), *part.get("required", ())]
        found = {**found, **part} | ({"properties": properties, "required": required} if properties else {})
    return found


def _implied(schema: Schema) -> list[str]:
    return ["object"] if "properties" in schema else ["array"] if "items" in schema else []


def _of_type(kind: str, schema: Schema, root: Schema, depth: int) -> SearchStrategy[Any]:
    if kind == "object":
        return _objects(schema, root, depth)
    if kind == "array":
        return _arrays(schema, root, depth)
    if kind == "string":
        return _strings(schema)
    if kind == "integer":
        return st.integers(*_whole_bounds(schema))
    if kind == "number":
        low, high = (schema.get(name, schema.get(f"exclusive{name.capitalize()}")) for name in ("minimum", "maximum"))
        open_low, open_high = low is not None and "minimum" not in schema, high is not None and "maximum" not in schema
        return st.floats(low, high, allow_nan=False, allow_infinity=False, exclude_min=open_low, exclude_max=open_high)
    return {"boolean": st.booleans(), "null": st.none()}.get(kind, ANYTHING)


def _whole_bounds(schema: Schema) -> tuple[int | None, int | None]:
    low, high = schema.get("minimum"), schema.get("maximum")
    if (above := schema.get("exclusiveMinimum")) is not None:
        low = int(above) + 1
    if (below := schema.get("exclusiveMaximum")) is not None:
        high = int(below) - 1
    return low, high


def _strings(schema: Schema) -> SearchStrategy[str]:
    if schema.get("format") in FORMATS:
        return FORMATS[schema["format"]]
    low = schema.get("minLength", 0)
    high = schema.get("maxLength", max(low, MAX_LENGTH))
    pattern = schema.get("pattern")
    if pattern is not None and len(pattern) <= MAX_REGEX:
        try:
            made = st.from_regex(re.compile(pattern))
        except re.error:
            # JavaScript's syntax is not quite Python's.
            return TEXT
        return made.filter(lambda text: low <= len(text) <= high)
    return st.text(st.characters(exclude_categories=()), min_size=low, max_size=high)


def _arrays(schema: Schema, root: Schema, depth: int) -> SearchStrategy[list[Any]]:
    low = schema.get("minItems", 0)
    high = min(schema.get("maxItems", low + MAX_ITEMS), low + MAX_ITEMS) if depth < MAX_DEPTH else low
    if not high:
        return st.just([])
    if (first := schema.get("prefixItems")) is not None:
        return st.tuples(*[values_of(one, root, depth + 1) for one in first]).map(list)
    unique_by = repr if schema.get("uniqueItems") else None
    items = values_of(schema.get("items", True), root, depth + 1)
    return st.lists(items, min_size=low, max_size=high, unique_by=unique_by)


def _objects(schema: Schema, root: Schema, depth: int) -> SearchStrategy[dict[str, Any]]:
    required = set(schema.get("required", ()))
    names = {name: one for name, one in schema.get("properties", {}).items() if name in required or depth < MAX_DEPTH}
    members = {name: values_of(one, root, depth + 1) for name, one in names.items()}
    optional = {name: one for name, one in members.items() if name not in required}
    fixed = {name: one for name, one in members.items() if name in required}
    objects: SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(fixed, optional=optional)
    more = schema.get("additionalProperties")
    if not isinstance(more, Mapping) or depth >= MAX_DEPTH:
        return objects
    others = st.dictionaries(TEXT, values_of(more, root, depth + 1), max_size=MAX_ITEMS)
    return st.tuples(others, objects).map(lambda both: {**both[0], **both[1]})


def _spoiled(arguments: dict[str, Any]) -> SearchStrategy[dict[str, Any]]:
    names = st.sampled_from(sorted(arguments)) if arguments else TEXT
    without = names.map(lambda name: {key: value for key, value in arguments.items() if key != name})
    other = st.tuples(names, ANYTHING).map(lambda member: {**arguments, member[0]: member[1]})
    unknown = st.tuples(TEXT, ANYTHING).map(lambda member: {**arguments, member[0]: member[1]})
    return st.one_of(without, other, unknown)
