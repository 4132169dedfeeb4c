"""The comparison of two JSON Schemas: reasons why a value that fits the first may not fit the second."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any, Final, TypeAlias

from django.utils.translation import gettext as _

Schema: TypeAlias = Mapping[str, Any]

_LOWER: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_UPPER: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_RULES: Final = ("pattern", "format", "multipleOf", "uniqueItems", "contentEncoding")
"""Keywords whose values cannot be compared: each that is new or different may refuse a value."""

MAX_DEPTH: Final = 30
"""Recursive schemas are compared to this depth."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A reason. `path` is the member, with dots; `before` and `after` are how the two schemas say it."""

    path: str
    rule: str
    before: Any = None
    after: Any = None

    def as_input(self) -> str:
        """The reason, where old arguments meet a new schema."""
        values = {"path": self.path, "rule": self.rule, "new": _or_none(self.after), "old": _or_none(self.before)}
        match self.rule:
            case "required":
                return _("argument %(path)s is required now") % values
            case "unknown":
                return _("argument %(path)s is not taken any more") % values
            case "type":
                return _("argument %(path)s takes %(new)s now, and took %(old)s") % values
            case "enum":
                return _("argument %(path)s does not take %(old)s any more") % values
        return _("argument %(path)s has %(rule)s %(new)s now, and had %(old)s") % values

    def as_output(self) -> str:
        """The reason, where new results meet an old schema."""
        values = {"path": self.path, "rule": self.rule, "new": _or_none(self.before), "old": _or_none(self.after)}
        match self.rule:
            case "required":
                return _("result %(path)s may be missing now") % values
            case "unknown":
                return _("result %(path)s is new, and the old schema allowed no others") % values
            case "type":
                return _("result %(path)s is %(new)s now, and was %(old)s") % values
            case "enum":
                return _("result %(path)s may be %(new)s now") % values
        return _("result %(path)s has %(rule)s %(new)s now, and had %(old)s") % values


def refusals(first: Schema, second: Schema) -> list[Refusal]:
    """The reasons why a value that fits `first` may not fit `second`; empty when every value still fits."""
    return list(dict.fromkeys(_Comparison(first, second).compare(first, second, "", 0)))


class _Comparison:
    """Resolves the references of each schema in its own document."""

    def __init__(self, first: Schema, second: Schema) -> None:
        self._roots = (first, second)
        self._compared: set[tuple[str, str]] = set()
        """The pairs of references that are compared already: a recursive schema comes back to them."""

    def compare(self, first: Any, second: Any, path: str, depth: int) -> Iterator[Refusal]:
        pair = (_reference(first), _reference(second))
        if pair in self._compared:
            return
        if any(pair):
            self._compared.add(pair)
        first, second = self._resolve(first, 0), self._resolve(second, 1)
        if first == second or second is True or second == {} or depth > MAX_DEPTH:
            return
        befores, afters = _branches(first), _branches(second)
        if len(befores) == len(afters) == 1:
            yield from self._compare_one(befores[0], afters[0], path, depth)
            return
        for before in befores:
            if not any(self._fits(before, after, path, depth) for after in afters):
                yield Refusal(path or "value", "type", _describe(before), _one_of(map(_describe, afters)))

    def _fits(self, before: Any, after: Any, path: str, depth: int) -> bool:
        return not any(self.compare(before, after, path, depth + 1))

    def _compare_one(self, before: Schema, after: Schema, path: str, depth: int) -> Iterator[Refusal]:
        name = path or "value"
        if "type" in after and not _is_within(before.get("type"), after["type"]):
            yield Refusal(name, "type", _describe(before), _describe(after))
            return
        values, allowed = _values(before), _values(after)
        if allowed is not None:
            gone = [_("other values")] if values is None else [value for value in values if value not in allowed]
            yield from (Refusal(name, "enum", value) for value in gone)
        yield from self._bounds(before, after, name)
        yield from self._members(before, after, path, depth)
        if "items" in after:
            yield from self.compare(before.get("items", {}), after["items"], f"{name}[]", depth + 1)

    def _bounds(self, before: Schema, after: Schema, name: str) -> Iterator[Refusal]:
        for keywords, sign in ((_LOWER, 1), (_UPPER, -1)):
            for keyword in keywords:
                old, new = before.get(keyword), after.get(keyword)
                if new is not None and (old is None or sign * new > sign * old):
                    yield Refusal(name, keyword, old, new)
        for keyword in _RULES:
            if after.get(keyword) and before.get(keyword) != after[keyword]:
                yield Refusal(name, keyword, before.get(keyword), after[keyword])

    def _members(self, before: Schema, after: Schema, path: str, depth: int) -> Iterator[Refusal]:
        prefix = f"{path}." if path else ""
        had, has = before.get("properties", {}), after.get("properties", {})
        for name in after.get("required", []):
            if name not in before.get("required", []):
                yield Refusal(prefix + name, "required")
        for name, schema in had.items():
            if name in has:
                yield from self.compare(schema, has[name], prefix + name, depth + 1)
            elif after.get("additionalProperties") is False:
                yield Refusal(prefix + name, "unknown")
        if after.get("additionalProperties") is False and before.get("additionalProperties") is not False and path:
            yield Refusal(f"{prefix}*", "unknown")

    def _resolve(self, schema: Any, which: int) -> Any:
        for _step in range(MAX_DEPTH):
            reference = _reference(schema)
            if not reference.startswith("#/"):
                break
            target: Any = self._roots[which]
            for key in reference[2:].split("/"):
                target = (
                    target.get(key.replace("~1", "/").replace("~0", "~"), {}) if isinstance(target, Mapping) else {}
                )
            schema = target
        return schema


def _reference(schema: Any) -> str:
    return str(schema.get("$ref", "")) if isinstance(schema, Mapping) else ""


def _branches(schema: Any) -> list[Any]:
    """The schemas of which a value must fit one: the branches of a union, or one for each of several types."""
    if not isinstance(schema, Mapping):
        return [{}]
    for key in ("anyOf", "oneOf"):
        if key in schema:
            rest = {name: value for name, value in schema.items() if name != key}
            return [{**rest, **branch} if isinstance(branch, Mapping) else rest for branch in schema[key]]
    if isinstance(schema.get("type"), list):
        return [{**schema, "type": kind} for kind in schema["type"]]
    return [schema]


def _is_within(before: Any, after: Any) -> bool:
    return before == after or (before, after) == ("integer", "number")


def _values(schema: Schema) -> list[Any] | None:
    if "const" in schema:
        return [schema["const"]]
    values: list[Any] | None = schema.get("enum")
    return values


def _describe(schema: Any) -> str:
    if not isinstance(schema, Mapping):
        return _("anything")
    if (values := _values(schema)) is not None:
        return _one_of(map(str, values))
    return str(schema.get("type", _("anything")))


def _one_of(names: Iterable[str]) -> str:
    return reduce(lambda one, other: _("%(one)s or %(other)s") % {"one": one, "other": other}, names)


def _or_none(value: Any) -> Any:
    return _("none") if value is None else value
