"""The server that the official conformance suite talks to.

The names and the payloads are the suite's. Most of its checks look at the shape of an answer only, so the project's own
tests compare what is answered here word for word.
"""

import json
from base64 import b64decode
from typing import Annotated, Any

from django_mcp import (
    Audio,
    Context,
    EmbeddedResource,
    Image,
    MCPServer,
    ParamHeader,
    ToolError,
    UserMessage,
)
from django_mcp.protocol.modern import missing_capability

conformance_server = MCPServer("conformance", version="1.0")

# One red pixel, and one sample of silence.
PNG = b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==")
WAV = b64decode("UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQIAAAAAAA==")

JSON_SCHEMA_2020_12 = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        },
    },
    "properties": {
        "name": {"type": "string"},
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}


# Tools. The suite calls whichever is listed first without arguments, so that is one which needs none.


@conformance_server.tool
def test_simple_text() -> str:
    """Answers with text."""
    return "This is a simple text response for testing."


@conformance_server.tool
def test_image_content() -> Image:
    """Answers with an image."""
    return Image(PNG, "image/png")


@conformance_server.tool
def test_audio_content() -> Audio:
    """Answers with a sound."""
    return Audio(WAV, "audio/wav")


@conformance_server.tool
def test_embedded_resource() -> EmbeddedResource:
    """Answers with a resource, sent whole."""
    return EmbeddedResource(
        "test://embedded-resource", text="This is an embedded resource content.", mime_type="text/plain"
    )


@conformance_server.tool
def test_multiple_content_types() -> list[str | Image | EmbeddedResource]:
    """Answers with text, an image and a resource."""
    data = json.dumps({"test": "data", "value": 123}, separators=(",", ":"))
    return [
        "Multiple content types test:",
        Image(PNG, "image/png"),
        EmbeddedResource("test://mixed-content-resource", text=data, mime_type="application/json"),
    ]


@conformance_server.tool
def test_error_handling() -> str:
    """Fails, and tells the model so."""
    raise ToolError("This tool intentionally returns an error for testing")


@conformance_server.tool(input_schema=JSON_SCHEMA_2020_12)
def json_schema_2020_12_tool(**arguments: Any) -> str:
    """Takes arguments by a JSON Schema written by hand, and answers with them."""
    return json.dumps(arguments)


@conformance_server.tool(name="test_x_mcp_header")
def x_mcp_header(region: Annotated[str | None, ParamHeader("Region")] = None) -> str:
    """Answers with the region, which a client repeats in a header.

    Args:
        region: any text
    """
    return f"Region: {region}"


@conformance_server.tool
def test_missing_capability(ctx: Context) -> str:
    """Refuses modern clients that cannot sample."""
    if ctx.era == "modern" and "sampling" not in ctx.client_capabilities:
        raise missing_capability({"sampling": {}}, "This tool needs a client that declares sampling")
    return "No capability is missing."


@conformance_server.tool
def test_streaming_elicitation() -> str:
    """Answers without asking the client anything."""
    return "Nothing was asked."


@conformance_server.tool
def test_logging_tool() -> str:
    """Answers without a log message to a client that wants none."""
    return "Nothing was logged."


# Resources. The suite reads whichever is listed first.


@conformance_server.resource("test://static-text", mime_type="text/plain")
def static_text() -> str:
    """A text that never changes."""
    return "This is the content of the static text resource."


@conformance_server.resource("test://static-binary", mime_type="image/png")
def static_binary() -> bytes:
    """An image that never changes."""
    return PNG


@conformance_server.resource("test://watched-resource", mime_type="text/plain")
def watched_resource() -> str:
    """A text that clients subscribe to."""
    return "This is the content of the watched resource."


@conformance_server.resource("test://template/{id}/data", mime_type="application/json")
def template_data(id: str) -> dict[str, Any]:
    """The data of any id.

    Args:
        id: any text
    """
    return {"id": id, "templateTest": True, "data": f"Data for ID: {id}"}


# Prompts


def argument_values(value: str) -> list[str]:
    return [known for known in ("test", "testing", "trial") if known.startswith(value)]


@conformance_server.prompt
def test_simple_prompt() -> str:
    """One message, always the same."""
    return "This is a simple prompt for testing."


@conformance_server.prompt(complete={"arg1": argument_values, "arg2": argument_values})
def test_prompt_with_arguments(arg1: str, arg2: str) -> str:
    """One message with two arguments in it.

    Args:
        arg1: the first
        arg2: the second
    """
    return f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"


@conformance_server.prompt
def test_prompt_with_embedded_resource(resourceUri: str) -> list[UserMessage]:  # the suite's spelling
    """A resource, sent whole, and what to do with it.

    Args:
        resourceUri: the URI that the resource shall have
    """
    resource = EmbeddedResource(resourceUri, text="Embedded resource content for testing.", mime_type="text/plain")
    return [UserMessage(resource), UserMessage("Please process the embedded resource above.")]


@conformance_server.prompt
def test_prompt_with_image() -> list[UserMessage]:
    """An image, and what to do with it."""
    return [UserMessage(Image(PNG, "image/png")), UserMessage("Please analyze the image above.")]
