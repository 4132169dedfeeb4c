"""The handshake era (2024-11-05 … 2025-11-25): what each revision defines, and how a result is reduced to it.

The methods answer as for the newest revision; `shape` removes what the client's revision does not define. Unknown extra
members rarely harm an old client, but a known member of another type does: so the two places where a type changed are
rewritten, not removed.
"""

from collections.abc import Callable
from typing import Any, Final

from .versions import is_at_least

Shape = Callable[[dict[str, Any], str], dict[str, Any]]

ENTITY_SINCE: Final = {
    "title": "2025-06-18",
    "_meta": "2025-06-18",
    "outputSchema": "2025-06-18",
    "icons": "2025-11-25",
    "execution": "2025-11-25",
}
"""The members of tools, resources, templates and prompts that are newer than 2024-11-05, and the revision that added
each.
"""

IMPLEMENTATION_SINCE: Final = {
    "title": "2025-06-18",
    "icons": "2025-11-25",
    "description": "2025-11-25",
    "websiteUrl": "2025-11-25",
}

CAPABILITY_SINCE: Final = {"completions": "2025-03-26"}


def shape(method: str, result: dict[str, Any], version: str) -> dict[str, Any]:
    """A result as `version` defines it, for a handshake client. Does not change its argument. The entries of a list
    are shaped one by one: `shape_entry`.
    """
    shaper = _SHAPES.get(method)
    return shaper(result, version) if shaper else result


def shape_entry(key: str, entry: dict[str, Any], version: str) -> dict[str, Any]:
    """An entry of a list as `version` defines it; `key` is the list's member of the result, such as `tools`."""
    # Resources had annotations from the first revision on; tools got them later.
    since = {**ENTITY_SINCE, "annotations": "2025-03-26"} if key == "tools" else ENTITY_SINCE
    shaped = _cut(entry, since, version)
    if "outputSchema" in shaped:
        shaped["outputSchema"] = wrap_output_schema(shaped["outputSchema"])
    if "arguments" in shaped:
        shaped["arguments"] = [_cut(argument, {"title": "2025-06-18"}, version) for argument in shaped["arguments"]]
    return shaped


def wrap_output_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """An output schema as the handshake era allows it, with an object at the root: any other value becomes its member
    `result`.
    """
    if schema.get("type") == "object":
        return schema
    definitions: dict[str, Any] = {key: schema[key] for key in ("$defs", "$schema") if key in schema}
    inner = {key: value for key, value in schema.items() if key not in definitions}
    return {**definitions, "type": "object", "properties": {"result": inner}, "required": ["result"]}


def _shape_initialize(result: dict[str, Any], version: str) -> dict[str, Any]:
    return {
        **result,
        "serverInfo": _cut(result["serverInfo"], IMPLEMENTATION_SINCE, version),
        "capabilities": _cut(result["capabilities"], CAPABILITY_SINCE, version),
    }


def _shape_call(result: dict[str, Any], version: str) -> dict[str, Any]:
    if is_at_least(version, "2025-06-18"):
        return result
    shaped = {**result, "content": [_shape_block(block, version) for block in result["content"]]}
    shaped.pop("structuredContent", None)
    return shaped


def _shape_prompt(result: dict[str, Any], version: str) -> dict[str, Any]:
    messages = [{**message, "content": _shape_block(message["content"], version)} for message in result["messages"]]
    return {**result, "messages": messages}


def _shape_read(result: dict[str, Any], version: str) -> dict[str, Any]:
    return {**result, "contents": [_cut(item, {"_meta": "2025-06-18"}, version) for item in result["contents"]]}


def _shape_block(block: dict[str, Any], version: str) -> dict[str, Any]:
    """A content block as a revision defines it: where the type does not exist yet, a link becomes text, and audio an
    embedded resource.
    """
    if is_at_least(version, "2025-06-18"):
        return block
    if block["type"] == "resource_link":
        return {"type": "text", "text": f"{block['name']}: {block['uri']}"}
    if block["type"] == "audio" and not is_at_least(version, "2025-03-26"):
        contents = {"uri": "attachment:audio", "mimeType": block["mimeType"], "blob": block["data"]}
        return {"type": "resource", "resource": contents}
    return _cut(block, {"_meta": "2025-06-18"}, version)


def _cut(members: dict[str, Any], since: dict[str, str], version: str) -> dict[str, Any]:
    return {key: value for key, value in members.items() if key not in since or is_at_least(version, since[key])}


_SHAPES: Final[dict[str, Shape]] = {
    "initialize": _shape_initialize,
    "tools/call": _shape_call,
    "prompts/get": _shape_prompt,
    "resources/read": _shape_read,
}
