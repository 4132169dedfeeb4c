"""Skills from functions: Markdown that a function returns, or a template with its context."""

from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils import translation

from django_mcp.primitives import signatures
from django_mcp.primitives.access import Permission
from django_mcp.primitives.templates import rendered

from . import frontmatter
from .skill import ENTRY, Content, Skill


def make_skill(
    function: Callable[..., Any],
    label: str,
    *,
    name: str | None,
    description: str | None,
    under: str | None,
    template: str | None,
    files: Mapping[str, str | bytes | Path],
    permission: Permission | Iterable[Permission] | None,
    scopes: Iterable[str],
) -> Skill:
    """The skill of a function and its options. Raises `ImproperlyConfigured` with the remedy."""
    signature = signatures.read(function)
    if signature.schema.get("properties"):
        raise ImproperlyConfigured(f"{label}: its function takes nothing but the context.")
    is_dynamic = bool(signature.context_names)
    if signature.is_async and not is_dynamic:
        raise ImproperlyConfigured(f"{label}: a coroutine function takes the context: it is called for each reader.")
    if ENTRY in files:
        raise ImproperlyConfigured(f"{label}: the function makes {ENTRY}; take it out of files=….")
    head = {
        "name": name or signatures.name_of(function).replace("_", "-"),
        "description": frontmatter.one_line(description or signature.description),
    }
    frontmatter.check(head, label)
    body = rendered(function, template) if template is not None else function
    return Skill(
        f"{_prefix(function, under, label)}/{head['name']}",
        head,
        {path: _content(value, label) for path, value in files.items()},
        entry=(_headed if is_dynamic else _fixed)(body, frontmatter.write(head)),
        is_dynamic=is_dynamic,
        permission=permission,
        scopes=tuple(scopes) if not isinstance(scopes, str) else scopes,  # type: ignore[arg-type]
        origin=label,
    )


def label_of(function: Callable[..., Any]) -> str:
    return signatures.describe_function(function)


def _prefix(function: Callable[..., Any], under: str | None, label: str) -> str:
    if under is not None:
        if not all(frontmatter.SEGMENT.fullmatch(part) for part in under.split("/")):
            raise ImproperlyConfigured(
                f"{label}: under={under!r} begins its path: letters, digits, '-' and '_', as 'shop'."
            )
        return under
    app = apps.get_containing_app_config(function.__module__)
    if app is None:
        raise ImproperlyConfigured(f"{label}: its function is in no installed app: say under='shop'.")
    return app.label


def _content(value: str | bytes | Path, label: str) -> Content:
    if isinstance(value, Path):
        try:
            return Content(value.read_bytes())
        except OSError as error:
            raise ImproperlyConfigured(f"{label}: {value} cannot be read ({error.strerror}).") from None
    return Content(value.encode() if isinstance(value, str) else value)


def _fixed(body: Callable[..., Any], head: str) -> Callable[..., str]:
    """A function that makes the file, in the project's language, whoever reads it first."""

    def make() -> str:
        with translation.override(settings.LANGUAGE_CODE):
            return head + str(body())

    return make


def _headed(body: Callable[..., Any], head: str) -> Callable[..., Any]:
    """The function with the frontmatter before its text."""
    if signatures.is_async(body):

        @wraps(body)
        async def amake(*args: Any, **kwargs: Any) -> str:
            return head + str(await body(*args, **kwargs))

        return amake

    @wraps(body)
    def make(*args: Any, **kwargs: Any) -> str:
        return head + str(body(*args, **kwargs))

    return make
