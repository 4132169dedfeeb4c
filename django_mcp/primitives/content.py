"""Content: the blocks that primitives return, and the conversion of plain Python values to them.

The official wire models (`mcp_types.TextContent` and the others) are accepted too; the classes here are the same
blocks, with raw bytes and shorter to write.
"""

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Literal

import mcp_types
from pydantic import BaseModel
from pydantic_core import to_json, to_jsonable_python

from django_mcp.protocol.records import record

WireBlock = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A content block. `annotations` are the specification's (`audience`, `priority`, `lastModified`); `meta` becomes
    `_meta`.
    """

    annotations: Mapping[str, Any] | None = None
    meta: Mapping[str, Any] | None = None

    def to_wire(self) -> WireBlock:
        block = self._members()
        if self.annotations:
            block["annotations"] = dict(self.annotations)
        if self.meta:
            block["_meta"] = dict(self.meta)
        return block

    def _members(self) -> WireBlock:
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Text(Block):
    """Text for the model or the user."""

    text: str

    def _members(self) -> WireBlock:
        return {"type": "text", "text": self.text}


@dataclass(frozen=True, slots=True)
class _Binary(Block):
    data: bytes
    mime_type: str

    kind: ClassVar[str]

    def _members(self) -> WireBlock:
        return {"type": self.kind, "data": _base64(self.data), "mimeType": self.mime_type}


@dataclass(frozen=True, slots=True)
class Image(_Binary):
    """An image: its bytes and its MIME type, such as `image/png`."""

    kind = "image"


@dataclass(frozen=True, slots=True)
class Audio(_Binary):
    """A sound: its bytes and its MIME type, such as `audio/wav`."""

    kind = "audio"


@dataclass(frozen=True, slots=True)
class EmbeddedResource(Block):
    """A whole resource, as `text` or as `blob` (bytes). A resource's function may leave `uri` empty: it is then the
    resource's own; there `meta` is that of the contents.
    """

    uri: str
    text: str | None = None
    blob: bytes | None = None
    mime_type: str | None = None

    def _members(self) -> WireBlock:
        body = self.text if self.text is not None else (self.blob or b"")
        return {"type": "resource", "resource": resource_contents(self.uri, body, self.mime_type)}


@dataclass(frozen=True, slots=True)
class ResourceLink(Block):
    """A link to a resource that the client may read. `size` is in bytes."""

    uri: str
    name: str
    title: str | None = None
    description: str | None = None
    mime_type: str | None = None
    size: int | None = None

    def _members(self) -> WireBlock:
        members = {
            "type": "resource_link",
            "uri": self.uri,
            "name": self.name,
            "title": self.title,
            "description": self.description,
            "mimeType": self.mime_type,
            "size": self.size,
        }
        return {key: value for key, value in members.items() if value is not None}


@record(frozen=True, slots=True, kw_only=True)
class ToolResult:
    """The full result of a tool, where a plain return value is not enough.

    `structured` is the structured content: any JSON value, a model or a dataclass. `is_error` tells the model that the
    call failed.
    """

    content: Any = None
    structured: Any = None
    is_error: bool = False
    meta: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """A message of a prompt: its role, and one content block or a plain value that becomes one."""

    content: Any
    role: ClassVar[Literal["user", "assistant"]]

    def to_wire(self) -> dict[str, Any]:
        blocks = to_blocks(self.content)
        if len(blocks) != 1:
            raise TypeError(
                f"A prompt's message holds one content block, not {len(blocks)}: return a list of messages instead"
            )
        return {"role": self.role, "content": blocks[0]}


@dataclass(frozen=True, slots=True)
class UserMessage(Message):
    """A message of the user."""

    role = "user"


@dataclass(frozen=True, slots=True)
class AssistantMessage(Message):
    """A message of the assistant."""

    role = "assistant"


@dataclass(frozen=True, slots=True)
class Icon:
    """An icon: `src` is an https or data URI; `sizes` are like `48x48` or `any`; `theme` is light or dark. For clients
    from 2025-11-25 on.
    """

    src: str
    mime_type: str | None = None
    sizes: tuple[str, ...] = ()
    theme: Literal["light", "dark"] | None = None

    def to_wire(self) -> dict[str, Any]:
        members = {"src": self.src, "mimeType": self.mime_type, "sizes": list(self.sizes) or None, "theme": self.theme}
        return {key: value for key, value in members.items() if value is not None}


_WIRE_MODELS: Final = (
    mcp_types.TextContent,
    mcp_types.ImageContent,
    mcp_types.AudioContent,
    mcp_types.EmbeddedResource,
    mcp_types.ResourceLink,
)
_CONTENTS: Final = (EmbeddedResource, mcp_types.ResourceContents)
_NO_CONTENT: Final = frozenset({type(None), bool, int, float, str, bytes, dict})
_PLAIN: Final = _NO_CONTENT | {list, tuple}
"""Common types that are not iterables to convert. Both are looked up first, because it is faster."""

BLOCK_TYPES: Final = (Block, *_WIRE_MODELS)
"""The content blocks: ours and those of the official models."""


def to_blocks(value: Any) -> list[WireBlock]:
    """The content blocks of a value: none for `None`, a block as it is, a text block for a string, the items of a list
    each; any other value becomes JSON text.
    """
    if value is None:
        return []
    if isinstance(value, list | tuple) and any(isinstance(item, (str, *BLOCK_TYPES)) for item in value):
        return [_to_block(item) for item in value]
    return [_to_block(value)]


def is_content(value: Any) -> bool:
    """Whether a value is content blocks rather than data."""
    if type(value) in _NO_CONTENT:
        return False
    return isinstance(value, BLOCK_TYPES) or (
        isinstance(value, list | tuple) and any(isinstance(item, BLOCK_TYPES) for item in value)
    )


def to_messages(value: Any) -> list[dict[str, Any]]:
    """The messages that a prompt returned: a message, a list of messages, or a value that becomes one message of the
    user.
    """
    if isinstance(value, mcp_types.PromptMessage):
        return [_dump(value)]
    if isinstance(value, list | tuple):
        return [message for item in value for message in to_messages(item)]
    return [value.to_wire() if isinstance(value, Message) else UserMessage(value).to_wire()]


def to_contents(uri: str, value: Any, mime_type: str | None) -> list[dict[str, Any]]:
    """The contents that a resource returned: text, bytes, a JSON value, an embedded resource, or a list of embedded
    resources.
    """
    if isinstance(value, EmbeddedResource):
        block = value.to_wire()
        contents = {**block["resource"], "uri": block["resource"]["uri"] or uri}
        return [contents | {"_meta": block["_meta"]} if "_meta" in block else contents]
    if isinstance(value, mcp_types.ResourceContents):
        return [_dump(value)]
    if isinstance(value, list | tuple) and value and all(isinstance(item, _CONTENTS) for item in value):
        return [contents for item in value for contents in to_contents(uri, item, mime_type)]
    if isinstance(value, str | bytes):
        return [resource_contents(uri, value, mime_type)]
    return [resource_contents(uri, to_json_text(value), mime_type or "application/json")]


def resource_contents(uri: str, body: str | bytes, mime_type: str | None) -> dict[str, Any]:
    """One item of a resource's contents; bytes go out as Base64."""
    contents: dict[str, Any] = {"uri": uri}
    if mime_type:
        contents["mimeType"] = mime_type
    contents |= {"text": body} if isinstance(body, str) else {"blob": _base64(body)}
    return contents


def to_json_value(value: Any) -> Any:
    """The JSON value of models, dataclasses, dates, decimals, querysets and everything else that pydantic can
    serialize.
    """
    return to_jsonable_python(listed(value), inf_nan_mode="null", fallback=_fallback)


def to_json_text(value: Any) -> str:
    """The same as JSON text: the content block for clients that do not read structured content."""
    try:
        return to_json(listed(value), inf_nan_mode="null", fallback=_fallback).decode()
    except ValueError:
        # A lone surrogate (a file name may have one) cannot be encoded in UTF-8, but JSON can escape it.
        return json.dumps(to_json_value(value), separators=(",", ":"))


def listed(value: Any) -> Any:
    """A queryset or another iterable as a list, because pydantic does not know the former."""
    if type(value) in _PLAIN:
        return value
    known = isinstance(value, str | bytes | Mapping | list | tuple | set | frozenset | BaseModel)
    return list(value) if isinstance(value, Iterable) and not known else value


def _to_block(value: Any) -> WireBlock:
    if isinstance(value, Block):
        return value.to_wire()
    if isinstance(value, _WIRE_MODELS):
        return _dump(value)
    return {"type": "text", "text": value if isinstance(value, str) else to_json_text(value)}


def _dump(model: BaseModel) -> dict[str, Any]:
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)


def is_model(cls: type) -> bool:
    """Whether a class is a model of Django."""
    return hasattr(cls, "_meta")


def remedy_for_rows(name: str) -> str:
    """The way out for a tool that returns rows of a Django model of this name."""
    return (
        f"its rows are not JSON. Return a pydantic model or a dict with what clients may see, or annotate the return "
        f"with a DRF serializer. A ModelToolset makes tools of {name}'s rows."
    )


def _fallback(value: Any) -> Any:
    items = dict(value) if isinstance(value, Mapping) else listed(value)
    if items is value:
        name = type(value).__name__
        if is_model(type(value)):
            # It does not say which of its columns clients may see.
            raise TypeError(f"{name} is a model of Django: {remedy_for_rows(name)}")
        raise TypeError(f"{name} is not JSON: return a pydantic model, a dataclass, a dict or content blocks")
    return items


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
