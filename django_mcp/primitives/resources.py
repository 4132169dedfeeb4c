"""Resources and resource templates: a URI, and the function that reads it."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final, Literal, Protocol, runtime_checkable

from django.core.exceptions import ImproperlyConfigured

from . import signatures
from .access import Access, Permission, make_access
from .completion import Completers, read_completers
from .content import Icon
from .signatures import Signature
from .templates import rendered
from .texts import Declared, Words
from .uri_templates import URITemplate, compile_template, is_template

_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s]+")


@runtime_checkable
class Resources(Protocol):
    """A source of many resources: the rows of a model, the files of a storage."""

    def resources(self) -> Iterator[tuple[Callable[..., Any], str, dict[str, Any]]]:
        """The function, the URI and the options of each resource."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource(Declared):
    """A registered resource; `uri` is its key. `declared` is its entry in `resources/list`. A gate that closes a
    resource of `part_of` closes this one too.
    """

    uri: str
    signature: Signature
    mime_type: str | None
    access: Access | None = None
    part_of: tuple[str, ...] = ()
    kind: ClassVar[Literal["resource"]] = "resource"

    @property
    def key(self) -> str:
        """The URI under which the resource is registered."""
        return self.uri


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceTemplate(Declared):
    """A family of resources: the variables of `template` are the function's arguments."""

    template: URITemplate
    signature: Signature
    mime_type: str | None
    completers: Completers
    access: Access | None = None
    kind: ClassVar[Literal["resource"]] = "resource"

    @property
    def key(self) -> str:
        """The URI with variables under which the template is registered."""
        return str(self.declared["uriTemplate"])


def make_resource(
    function: Callable[..., Any],
    uri: str,
    *,
    name: str | None = None,
    title: Words | None = None,
    description: Words | None = None,
    mime_type: str | None = None,
    size: int | None = None,
    annotations: Mapping[str, Any] | None = None,
    icons: Iterable[Icon] = (),
    meta: Mapping[str, Any] | None = None,
    complete: Mapping[str, Callable[..., Any]] | None = None,
    permission: Permission | Iterable[Permission] | None = None,
    scopes: Iterable[str] = (),
    template: str | None = None,
    part_of: Iterable[str] = (),
) -> Resource | ResourceTemplate:
    """A resource from a function, or a resource template when the URI has variables. With `template`, a Django template
    whose context the function returns. Raises `ImproperlyConfigured` with the remedy.
    """
    signature = signatures.read(function)
    if template is not None:
        signature = replace(signature, function=rendered(function, template))
    label = f"Resource {uri!r} ({signatures.describe_function(function)})"
    if not _URI.fullmatch(uri):
        raise ImproperlyConfigured(
            f"{label}: a resource's URI starts with a scheme and has no spaces, as in 'airport://LHR'."
        )
    members: dict[str, Any] = {
        "name": name or signatures.name_of(function),
        "title": title,
        "description": description or signature.description or None,
        "mimeType": mime_type,
        "annotations": dict(annotations) if annotations else None,
        "icons": [icon.to_wire() for icon in icons] or None,
        "_meta": dict(meta) if meta else None,
    }
    declared = {key: value for key, value in members.items() if value is not None}
    access = make_access(permission, scopes, label)
    arguments = set(signature.schema.get("properties", {}))
    if is_template(uri):
        uri_template = compile_template(uri)
        _check_variables(label, uri_template, arguments, set(signature.schema.get("required", ())))
        return ResourceTemplate(
            template=uri_template,
            signature=signature,
            declared={"uriTemplate": uri, **declared},
            mime_type=mime_type,
            completers=read_completers(complete, uri_template.variables, label),
            access=access,
        )
    if arguments or complete:
        raise ImproperlyConfigured(f"{label}: its URI has no variables, so the function takes none but the context.")
    if size is not None:
        declared["size"] = size
    return Resource(
        uri=uri,
        signature=signature,
        declared={"uri": uri, **declared},
        mime_type=mime_type,
        access=access,
        part_of=tuple(part_of),
    )


def _check_variables(label: str, template: URITemplate, arguments: set[str], required: set[str]) -> None:
    variables = set(template.variables)
    if arguments != variables:
        raise ImproperlyConfigured(
            f"{label}: the function takes {sorted(arguments)} and the URI gives {sorted(variables)}; name them alike."
        )
    if required & set(template.query):
        raise ImproperlyConfigured(f"{label}: a query may be left out of a URI, so give its variables a default.")
