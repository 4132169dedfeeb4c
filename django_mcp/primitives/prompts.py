"""Prompts: a name, arguments that the user fills in, and the function that returns the messages."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

from django.core.exceptions import ImproperlyConfigured

from . import signatures
from .access import Access, Permission, make_access
from .completion import Completers, read_completers
from .content import Icon
from .signatures import Signature
from .templates import rendered
from .texts import Declared, Words


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt(Declared):
    """A registered prompt. `declared` is its entry in `prompts/list`."""

    name: str
    signature: Signature
    completers: Completers
    access: Access | None = None
    kind: ClassVar[Literal["prompt"]] = "prompt"

    @property
    def key(self) -> str:
        """The name under which the prompt is registered."""
        return self.name


def make_prompt(
    function: Callable[..., Any],
    *,
    name: str | None = None,
    title: Words | None = None,
    description: Words | None = None,
    icons: Iterable[Icon] = (),
    meta: Mapping[str, Any] | None = None,
    complete: Mapping[str, Callable[..., Any]] | None = None,
    permission: Permission | Iterable[Permission] | None = None,
    scopes: Iterable[str] = (),
    template: str | None = None,
) -> Prompt:
    """A prompt from a function, or with `template`, from the template whose context the function returns. Raises
    `ImproperlyConfigured` with the remedy.
    """
    signature = signatures.read(function)
    if template is not None:
        signature = replace(signature, function=rendered(function, template))
    prompt_name = name or signatures.name_of(function)
    label = f"Prompt {prompt_name!r} ({signatures.describe_function(function)})"
    if not prompt_name.strip():
        raise ImproperlyConfigured(f"{label}: pass name=…")
    arguments = [_to_argument(key, schema, signature) for key, schema in signature.schema.get("properties", {}).items()]
    members = {
        "name": prompt_name,
        "title": title,
        "description": description or signature.description or None,
        "arguments": arguments or None,
        "icons": [icon.to_wire() for icon in icons] or None,
        "_meta": dict(meta) if meta else None,
    }
    return Prompt(
        name=prompt_name,
        signature=signature,
        declared={key: value for key, value in members.items() if value is not None},
        completers=read_completers(complete, tuple(argument["name"] for argument in arguments), label),
        access=make_access(permission, scopes, label),
    )


def _to_argument(name: str, schema: Mapping[str, Any], signature: Signature) -> dict[str, Any]:
    argument: dict[str, Any] = {"name": name}
    if "description" in schema:
        argument["description"] = schema["description"]
    argument["required"] = name in signature.schema.get("required", ())
    return argument
