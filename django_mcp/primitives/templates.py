"""Django templates as the text of prompts and resources, in the caller's language."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from asgiref.sync import sync_to_async
from django.template import Context as TemplateContext
from django.template import Template
from django.template.loader import get_template
from django.utils import translation

from .context import Context
from .signatures import is_async


def rendered(function: Callable[..., Any], template: str) -> Callable[..., Any]:
    """A function that returns a template's text. The template's context is the arguments, the MCP context as `ctx`, and
    the mapping that the function returned, if any.
    """
    if is_async(function):

        @wraps(function)
        async def arender(*args: Any, **arguments: Any) -> str:
            # A queryset in the context runs its query while the template is rendered.
            return await sync_to_async(_render)(template, arguments, await function(*args, **arguments))

        return arender

    @wraps(function)
    def render(*args: Any, **arguments: Any) -> str:
        return _render(template, arguments, function(*args, **arguments))

    return render


def in_language(function: Callable[..., Any], language: str | None) -> Callable[..., Any]:
    """A function that runs with this language active; sync or async as before."""
    if language is None:
        return function
    if is_async(function):

        @wraps(function)
        async def acall(*args: Any, **kwargs: Any) -> Any:
            with translation.override(language):
                return await function(*args, **kwargs)

        return acall

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        with translation.override(language):
            return function(*args, **kwargs)

    return call


def _render(name: str, arguments: Mapping[str, Any], returned: Any) -> str:
    if returned is not None and not isinstance(returned, Mapping):
        raise TypeError(f"With template={name!r} the function returns the template's context, a mapping or None.")
    ctx = next((value for value in arguments.values() if isinstance(value, Context)), None)
    values = {"ctx": ctx, **arguments, **(returned or {})}
    template: Any = get_template(name)
    inner = getattr(template, "template", None)
    if isinstance(inner, Template):
        # Django escapes for HTML by default.
        return inner.render(TemplateContext(values, autoescape=name.endswith((".html", ".xml", ".svg"))))
    text: str = template.render(values)
    return text
