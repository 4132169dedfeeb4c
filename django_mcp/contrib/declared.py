"""The attributes that a toolset's class has to declare: a sentence names one that is missing or has another form."""

from django.core.exceptions import ImproperlyConfigured


def require_class(toolset: type, name: str, kind: type) -> None:
    """Raises `ImproperlyConfigured` unless an attribute is a subclass of `kind`."""
    value = getattr(toolset, name, None)
    if not (isinstance(value, type) and issubclass(value, kind)):
        raise ImproperlyConfigured(
            f"{toolset.__qualname__}: {name} {_told(value)}. It has to be a subclass of {kind.__name__}."
        )


def require_names(toolset: type, *attributes: str) -> None:
    """Raises `ImproperlyConfigured` unless each attribute holds names: a string would be read as its letters."""
    for name in attributes:
        value = getattr(toolset, name, None)
        if value is None or isinstance(value, str):
            raise ImproperlyConfigured(
                f"{toolset.__qualname__}: {name} {_told(value)}. It has to be a list or a tuple of names."
            )


def _told(value: object) -> str:
    return "is missing" if value is None else f"is {value!r}"
