"""Django forms in apps: a tool whose arguments are a form's fields, and whose result has the errors by field."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, Final, TypeAlias

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS, ImproperlyConfigured, ValidationError
from django.db import transaction
from django.utils.datastructures import MultiValueDict
from pydantic import Field

from django_mcp import Context, ToolResult
from django_mcp.primitives.content import to_json_value
from django_mcp.primitives.signatures import describe_function, is_async, is_context, read_hints

ATTRIBUTE: Final = "mcp_form_class"
"""The attribute of such a tool's function with its form, for the template tag."""

Value: TypeAlias = str | bool | int | float | list[str] | None


def form_tool(form_class: type[forms.BaseForm]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Makes the function of a tool that handles a form: `@tool(visibility="app")` above `@form_tool(OrderForm)`.

    The function gets the form when it is valid, and the context if it asks for it. It may raise Django's
    `ValidationError` or call `form.add_error()`. The result has `errors`, by field, empty when all is well, and the
    function's value as `data`. Its writes to the default database are undone when there are errors. Raises
    `ImproperlyConfigured` for a form that no script could send.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        label = describe_function(function)
        if is_async(function):
            raise ImproperlyConfigured(f"{label}: the function of a form is no coroutine, because the form is not.")
        hints = read_hints(function, label)
        contexts = [name for name in inspect.signature(function).parameters if is_context(hints.get(name))]
        inputs = dict(_inputs(form_class, label))

        def submit(**given: Any) -> ToolResult:
            ctx = given.pop(_CONTEXT)
            form = form_class(data=_posted(given))
            value = _handle(form, lambda: function(form, **dict.fromkeys(contexts, ctx)))
            return _result(form, value)

        own: Any = submit
        own.__name__, own.__qualname__ = function.__name__, function.__qualname__
        own.__module__, own.__doc__ = function.__module__, function.__doc__
        own.__annotations__ = {**inputs, _CONTEXT: Context, "return": ToolResult}
        own.__signature__ = inspect.Signature(
            [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None) for name in inputs]
            + [inspect.Parameter(_CONTEXT, inspect.Parameter.KEYWORD_ONLY)]
        )
        setattr(own, ATTRIBUTE, form_class)
        return submit

    return decorate


_CONTEXT: Final = "mcp_context"


def _inputs(form_class: type[forms.BaseForm], label: str) -> Iterator[tuple[str, Any]]:
    """The names of the inputs that a form is rendered with, each with the type of its argument."""
    fields: Mapping[str, forms.Field] = getattr(form_class, "base_fields", {})
    for name, one in fields.items():
        description = " ".join(str(text) for text in (one.label or name, one.help_text) if text)
        annotation = Annotated[Value, Field(description=description)]
        for own in _names(name, one.widget, label):
            yield own, annotation


def _names(name: str, widget: forms.Widget, label: str) -> list[str]:
    if isinstance(widget, forms.FileInput):
        raise ImproperlyConfigured(f"{label}: {name} is a file, which an app cannot send; leave it out of the form.")
    if isinstance(widget, forms.SelectDateWidget):
        return [part % name for part in (widget.year_field, widget.month_field, widget.day_field)]
    suffixes = getattr(widget, "widgets_names", [""])  # Of a MultiWidget, whose parts are inputs of their own.
    names = [f"{name}{suffix}" for suffix in suffixes]
    if wrong := [one for one in names if not one.isidentifier()]:
        raise ImproperlyConfigured(f"{label}: the form's input {wrong[0]!r} is no name of an argument; rename it.")
    return names


def _posted(given: Mapping[str, Any]) -> MultiValueDict[str, str]:
    """The values as a browser posts them: fields of dates fail with an exception on anything but text."""
    listed = {name: value if isinstance(value, list) else [value] for name, value in given.items() if value is not None}
    return MultiValueDict({name: [_as_text(one) for one in values] for name, values in listed.items()})


def _as_text(value: str | bool | int | float) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _handle(form: forms.BaseForm, function: Callable[[], Any]) -> Any:
    """The function's value; `None` if the form has errors, before it or after it."""
    if not form.is_valid():
        return None
    try:
        with transaction.atomic():
            value = function()
            if not form.errors:
                return value
            transaction.set_rollback(True)
    except ValidationError as error:
        _add(form, error)
    return None


def _add(form: forms.BaseForm, error: ValidationError) -> None:
    """Adds an error to a form; those of fields that the form does not have are errors of the form."""
    by_field = getattr(error, "error_dict", {NON_FIELD_ERRORS: error})
    for name, errors in by_field.items():
        form.add_error(name if name in form.fields else None, errors)


def _result(form: forms.BaseForm, value: Any) -> ToolResult:
    errors = {name: [str(one) for one in found] for name, found in form.errors.items()}
    if errors:
        lines = [f"- {'' if name == NON_FIELD_ERRORS else f'{name}: '}{' '.join(own)}" for name, own in errors.items()]
        return ToolResult(content="\n".join(("Not accepted:", *lines)), structured={"errors": errors})
    if isinstance(value, ToolResult):
        own = value.structured if isinstance(value.structured, Mapping) else {"data": value.structured}
        return ToolResult(
            content=value.content, structured={"errors": {}, **own}, is_error=value.is_error, meta=value.meta
        )
    return ToolResult(
        content="Done" if value is None else value, structured={"errors": {}, "data": to_json_value(value)}
    )
