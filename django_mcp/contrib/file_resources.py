"""Files as resources: those of a model's FileField, and those of a storage.

A resource is one message, so the size of a file is limited; a larger file is read in parts, if the URI has
`{?offset,length}`.
"""

import mimetypes
from collections.abc import Callable, Iterator
from os.path import realpath
from pathlib import Path, PurePosixPath
from typing import Any, Final

from django.core.exceptions import ImproperlyConfigured, SuspiciousFileOperation
from django.core.files.storage import Storage, default_storage
from django.db import models

from django_mcp.exceptions import ResourceNotFound
from django_mcp.primitives.access import Permission
from django_mcp.primitives.content import EmbeddedResource
from django_mcp.primitives.context import Context
from django_mcp.primitives.uri_templates import compile_template
from django_mcp.protocol.errors import INVALID_PARAMS, ProtocolError

from . import model_fields, names
from .described import described

MAX_BYTES: Final = 1024 * 1024
"""The largest file or part that is sent: a client passes it to a model whole."""

_RANGE: Final = ("offset", "length")
_TEXT: Final = ("application/json", "application/xml", "application/javascript", "application/x-yaml", "image/svg+xml")


class _FileResource:
    """The base of both: reads a file, in whole or in part, and finds its MIME type."""

    def __init__(self, uri: str, max_bytes: int, options: dict[str, Any]) -> None:
        self._uri = uri
        self._max_bytes = max_bytes
        self._options = options
        self._variables = tuple(name for name in compile_template(uri).variables if name not in _RANGE)
        self._has_range = set(_RANGE) <= set(compile_template(uri).variables)

    def _function(self, find: Callable[..., Any], parameters: dict[str, tuple[Any, Any]]) -> Callable[..., Any]:
        def read(*, ctx: Context, offset: int = 0, length: int | None = None, **variables: Any) -> EmbeddedResource:
            try:
                with find(ctx, **variables).open("rb") as file:
                    return self._part(file, offset, length)
            except (SuspiciousFileOperation, OSError):
                # Outside of the storage, missing, a directory, or not a valid file name.
                raise ResourceNotFound from None

        ranges: dict[str, tuple[Any, Any]] = {"offset": (int, 0), "length": (int, None)} if self._has_range else {}
        read.__module__, read.__qualname__ = type(self).__module__, f"{type(self).__name__}({self._uri})"
        return described(read, {**parameters, **ranges, "ctx": (Context, ...)}, object)

    def _part(self, file: Any, offset: int, length: int | None) -> EmbeddedResource:
        size: int = file.size
        wanted = max(size - offset, 0) if length is None else length
        if offset < 0 or wanted < 0:
            raise ProtocolError(INVALID_PARAMS, "Invalid params: offset and length are no less than 0")
        if wanted > self._max_bytes:
            ways = "ask for a length" if self._has_range else "it cannot be read in parts"
            raise ProtocolError(
                INVALID_PARAMS, f"The file has {size} bytes, and at most {self._max_bytes} are sent at once: {ways}"
            )
        file.seek(min(offset, size))
        data: bytes = file.read(wanted)
        mime_type = mimetypes.guess_type(file.name or "")[0] or "application/octet-stream"
        if mime_type.startswith("text/") or mime_type in _TEXT:
            try:
                return EmbeddedResource("", text=data.decode(), mime_type=mime_type)
            except UnicodeDecodeError:
                # Not UTF-8, or a part that ends within a character.
                pass
        return EmbeddedResource("", blob=data, mime_type=mime_type)


class FileFieldResource(_FileResource):
    """`resource(FileFieldResource("document://{pk}", Document, "file"))`: the file of the row that has the values in
    the URI.

    `queryset` returns the rows that the caller may see. The model's view permission is required, unless
    `model_permissions` is off. A file larger than `max_bytes` is refused, or read in parts if the URI ends in
    `{?offset,length}`.
    """

    def __init__(
        self,
        uri: str,
        model: type[models.Model],
        field: str,
        *,
        queryset: Callable[[Context], "models.QuerySet[Any]"] | None = None,
        max_bytes: int = MAX_BYTES,
        permission: Permission | None = None,
        model_permissions: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(uri, max_bytes, options)
        if not isinstance(model_fields.resolve(model, field), models.FileField):
            raise ImproperlyConfigured(f"FileFieldResource {uri!r}: {field} of {model.__name__} is no FileField.")
        self._model = model
        self._field = field
        self._queryset = queryset
        view = f"{model._meta.app_label}.view_{model._meta.model_name}"
        self._permissions = [one for one in (permission, view if model_permissions else None) if one is not None]

    def resources(self) -> Iterator[tuple[Callable[..., Any], str, dict[str, Any]]]:
        """The function, the URI and the options, for a registry."""

        def find(ctx: Context, **variables: Any) -> Any:
            rows = self._model._default_manager.all() if self._queryset is None else self._queryset(ctx)
            files = [getattr(row, self._field) for row in rows.filter(**variables)[:2]]
            # A URI must name exactly one file.
            if len(files) != 1 or not files[0]:
                raise ResourceNotFound
            return files[0]

        fields = {name: model_fields.resolve(self._model, name) for name in self._variables}
        parameters = {name: (model_fields.parameter_type(field), ...) for name, field in fields.items()}
        noun = self._model._meta.verbose_name
        defaults = {
            "name": f"{names.noun_of(self._model)}_{self._field}",
            "description": f"The {self._field} of one {noun}.",
            "permission": self._permissions,
        }
        yield self._function(find, parameters), self._uri, {**defaults, **self._options}


class StorageResource(_FileResource):
    """`resource(StorageResource("media://{+path}", prefix="public"))`: the files of a storage under a prefix.

    Files outside of the prefix cannot be read, not by a link inside of it either. `permission` works as for any
    resource; without it, every caller may read.
    """

    def __init__(
        self,
        uri: str,
        *,
        storage: Storage | None = None,
        prefix: str = "",
        max_bytes: int = MAX_BYTES,
        **options: Any,
    ) -> None:
        super().__init__(uri, max_bytes, options)
        if len(self._variables) != 1:
            raise ImproperlyConfigured(f"StorageResource {uri!r}: one variable is the path, as in 'media://{{+path}}'.")
        self._storage = storage
        self._prefix = prefix.strip("/")

    def resources(self) -> Iterator[tuple[Callable[..., Any], str, dict[str, Any]]]:
        """The function, the URI and the options, for a registry."""
        [variable] = self._variables

        def find(ctx: Context, **variables: str) -> Any:
            path = PurePosixPath(variables[variable])
            if path.is_absolute() or ".." in path.parts or "\\" in str(path) or "\x00" in str(path):
                raise ResourceNotFound
            storage, name = self._storage or default_storage, str(PurePosixPath(self._prefix, path))
            if _leads_out(storage, name, self._prefix):
                raise ResourceNotFound
            return storage.open(name, "rb")

        defaults = {"name": variable, "description": "A file."}
        yield self._function(find, {variable: (str, ...)}), self._uri, {**defaults, **self._options}


def _leads_out(storage: Storage, name: str, prefix: str) -> bool:
    """Whether a symbolic link in a local storage leads out of the prefix. A prefix that is itself a link was made on
    purpose.
    """
    try:
        path, top = storage.path(name), storage.path(prefix)
    except NotImplementedError:
        return False  # It is elsewhere, and has no links.
    return not Path(realpath(path)).is_relative_to(realpath(top))
