"""Changes between two lock files, and whether each breaks clients that were made for the old one."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from .lockfile import ASKS, Lock
from .narrowing import refusals

KINDS: Final = {
    "tools": gettext_lazy("tool"),
    "resources": gettext_lazy("resource"),
    "resourceTemplates": gettext_lazy("resource template"),
    "prompts": gettext_lazy("prompt"),
}
_TEXTS: Final = ("title", "description", "icons", "_meta", "name", "execution")
"""Members that a model or a person reads, or that extensions read: no client calls by them."""


@dataclass(frozen=True, slots=True)
class Change:
    """A change at a place ("airports: tool distance"). `breaks`: a client that worked with the old one may fail."""

    where: str
    text: str
    breaks: bool


def changes(old: Lock, new: Lock) -> list[Change]:
    """The changes, those that break clients first."""
    found = list(_servers(old["servers"], new["servers"]))
    return sorted(found, key=lambda change: not change.breaks)


def _servers(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    for name in sorted(old.keys() | new.keys()):
        if name not in new:
            yield Change(name, _("the server is gone"), True)
        elif name not in old:
            yield Change(name, _("the server is new"), False)
        else:
            yield from _server(name, old[name], new[name])


def _server(name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    if old.get("instructions") != new.get("instructions"):
        yield Change(name, _("the instructions have changed"), False)
    for kind, noun in KINDS.items():
        before, after = old.get(kind, {}), new.get(kind, {})
        for key in sorted(before.keys() | after.keys()):
            where = f"{name}: {noun} {key}"
            if key not in after:
                yield Change(where, _("is gone"), True)
            elif key not in before:
                yield Change(where, _("is new"), False)
            elif before[key] != after[key]:
                yield from _entry(where, before[key], after[key])


def _entry(where: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    for text in _broken(old, new):
        yield Change(where, text, True)
    for member in sorted(old.keys() | new.keys()):
        if old.get(member) != new.get(member):
            yield Change(where, _changed(member in old, member in new) % {"member": member}, False)


def _changed(was: bool, is_now: bool) -> str:
    if was and is_now:
        return _("its %(member)s has changed")
    return _("its %(member)s is new") if is_now else _("its %(member)s is gone")


def _broken(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    yield from _input(old.get("inputSchema", {}), new.get("inputSchema", {}))
    yield from _output(old.get("outputSchema"), new.get("outputSchema"))
    yield from _prompt_arguments(old.get("arguments", []), new.get("arguments", []))
    hints, now = old.get("annotations") or {}, new.get("annotations") or {}
    if hints.get("readOnlyHint") and not now.get("readOnlyHint"):
        yield _("was read-only: clients that call such tools without asking would now ask nobody")
    if hints.get("destructiveHint") is False and now.get("destructiveHint", True) and not now.get("readOnlyHint"):
        yield _("was not destructive, and may be so now")
    if old.get("mimeType") != new.get("mimeType"):
        values = {"old": old.get("mimeType"), "new": new.get("mimeType")}
        yield _("its MIME type was %(old)s, and is %(new)s") % values
    for asked in sorted(set(new.get(ASKS, ())) - set(old.get(ASKS, ()))):
        yield _("asks for %(permission)s now") % {"permission": asked}


def _input(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """The arguments of an old client that the new schema may refuse."""
    removed = old.get("properties", {}).keys() - new.get("properties", {}).keys()
    yield from (_("argument %(path)s is gone") % {"path": name} for name in sorted(removed))
    for refusal in refusals(old, new):
        if refusal.path not in removed:
            yield refusal.as_input()


def _output(old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> Iterator[str]:
    """The results of the new tool that an old client does not expect."""
    if old is not None and new is None:
        yield _("returns no structured content any more")
    if old is None or new is None:
        return
    removed = old.get("properties", {}).keys() - new.get("properties", {}).keys()
    yield from (_("result %(path)s is gone") % {"path": name} for name in sorted(removed))
    for refusal in refusals(new, old):
        if refusal.path not in removed:
            yield refusal.as_output()


def _prompt_arguments(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> Iterator[str]:
    before, after = {one["name"]: one for one in old}, {one["name"]: one for one in new}
    yield from (_("argument %(path)s is gone") % {"path": name} for name in before.keys() - after.keys())
    for name, argument in after.items():
        if argument.get("required") and not before.get(name, {}).get("required"):
            yield _("argument %(path)s is required now") % {"path": name}
