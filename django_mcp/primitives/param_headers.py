"""Arguments that a client repeats in a header (`x-mcp-header`), so that a proxy can route by them without reading the
body.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from django.core.exceptions import ImproperlyConfigured
from pydantic import GetJsonSchemaHandler
from pydantic_core import CoreSchema

from . import schemas
from .schemas import Schema

KEYWORD: Final = "x-mcp-header"

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_TYPES: Final = ("string", "integer", "boolean")


@dataclass(frozen=True, slots=True)
class ParamHeader:
    """Marks a parameter as repeated in a header: `region: Annotated[str, ParamHeader("Region")]` is also sent as
    `Mcp-Param-Region`.

    Only for strings, integers and booleans that are not secret: headers end up in logs.
    """

    name: str

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> Schema:
        return {**schemas.without_null(handler(schema)), KEYWORD: self.name}


def read_param_headers(schema: Schema, label: str) -> Mapping[str, tuple[str, ...]]:
    """The headers that a tool's schema declares, and the path of the argument that each repeats.

    Raises `ImproperlyConfigured` where a client would drop the whole tool (spec 2026-07-28 server/tools).
    """
    headers: dict[str, tuple[str, ...]] = {}
    for path, node in schemas.walk(schema):
        if KEYWORD not in node:
            continue
        name = node[KEYWORD]
        argument = _argument_of(path)
        if not isinstance(name, str) or not _TOKEN.fullmatch(name):
            raise ImproperlyConfigured(f"{label}: {KEYWORD} {name!r} is not a header name.")
        if argument is None:
            raise ImproperlyConfigured(f"{label}: {KEYWORD} {name!r} stands where no argument is ({'/'.join(path)}).")
        if node.get("type") not in _TYPES:
            raise ImproperlyConfigured(f"{label}: {KEYWORD} {name!r} needs a string, integer or boolean argument.")
        if name.lower() in (other.lower() for other in headers):
            raise ImproperlyConfigured(f"{label}: two arguments are repeated in the header {name!r}.")
        headers[name] = argument
    return headers


def _argument_of(path: tuple[str, ...]) -> tuple[str, ...] | None:
    """The argument at a path in the schema; `None` unless only `properties` lead there."""
    keywords, names = path[::2], path[1::2]
    if not names or len(keywords) != len(names) or any(keyword != "properties" for keyword in keywords):
        return None
    return names
