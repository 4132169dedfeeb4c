"""The server that the official conformance suite talks to.

The names and the payloads are the suite's. Most of its checks look at the shape of an answer only, so the project's own
tests compare what is answered here word for word.
"""

import asyncio
import json
import time
from base64 import b64decode
from typing import Annotated, Any

from pydantic import BaseModel, Field

from django_mcp import (
    Audio,
    Context,
    EmbeddedResource,
    Image,
    InputRequired,
    MCPServer,
    ParamHeader,
    ProtocolError,
    ToolError,
    UserMessage,
)
from django_mcp.contrib.skills import Skills
from django_mcp.contrib.tasks import Tasks
from django_mcp.protocol.modern import missing_capability

conformance_server = MCPServer("conformance", version="1.0", extensions=[Tasks()])

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

NAME = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
COLOUR = {"type": "object", "properties": {"color": {"type": "string"}}, "required": ["color"]}
CONFIRMATION = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}
CONFIRM = {"type": "object", "properties": {"confirm": {"type": "boolean"}}, "required": ["confirm"]}
ANYTHING = {"type": "object", "properties": {"name": {"type": "string"}, "confirm": {"type": "boolean"}}}
CONTEXT = {"type": "object", "properties": {"context": {"type": "string"}}, "required": ["context"]}

DEFAULTS = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "description": "User name", "default": "John Doe"},
        "age": {"type": "integer", "description": "User age", "default": 30},
        "score": {"type": "number", "description": "User score", "default": 95.5},
        "status": {
            "type": "string",
            "description": "User status",
            "enum": ["active", "inactive", "pending"],
            "default": "active",
        },
        "verified": {"type": "boolean", "description": "Verification status", "default": True},
    },
    "required": [],
}

CHOICES = {
    "type": "object",
    "properties": {
        "untitledSingle": {"type": "string", "enum": ["option1", "option2", "option3"]},
        "titledSingle": {
            "type": "string",
            "oneOf": [
                {"const": "value1", "title": "First Option"},
                {"const": "value2", "title": "Second Option"},
                {"const": "value3", "title": "Third Option"},
            ],
        },
        "legacyEnum": {
            "type": "string",
            "enum": ["opt1", "opt2", "opt3"],
            "enumNames": ["Option One", "Option Two", "Option Three"],
        },
        "untitledMulti": {"type": "array", "items": {"type": "string", "enum": ["option1", "option2", "option3"]}},
        "titledMulti": {
            "type": "array",
            "items": {
                "anyOf": [
                    {"const": "value1", "title": "First Choice"},
                    {"const": "value2", "title": "Second Choice"},
                    {"const": "value3", "title": "Third Choice"},
                ],
            },
        },
    },
    "required": [],
}


class Account(BaseModel):
    """The form of test_elicitation."""

    username: str = Field(description="User's response")
    email: str = Field(description="User's email address")


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
async def test_tool_with_logging(ctx: Context) -> str:
    """Sends three log messages while it runs."""
    ctx.info("Tool execution started")
    await asyncio.sleep(0.05)
    ctx.info("Tool processing data")
    await asyncio.sleep(0.05)
    ctx.info("Tool execution completed")
    return "Tool with logging executed."


@conformance_server.tool
async def test_tool_with_progress(ctx: Context) -> str:
    """Reports its progress three times while it runs."""
    for progress in (0, 50, 100):
        ctx.progress(progress, 100, f"Completed step {progress} of 100")
        await asyncio.sleep(0.05)
    return "Tool with progress executed."


@conformance_server.tool
def test_sampling(prompt: str, ctx: Context) -> str:
    """Has the client's model answer a prompt.

    Args:
        prompt: what to say to the model
    """
    return f"LLM response: {ctx.sample(prompt, max_tokens=100).text}"


@conformance_server.tool
def test_elicitation(message: str, ctx: Context) -> str:
    """Asks the user for a name and an address.

    Args:
        message: what to say to the user
    """
    answer = ctx.elicit(message, Account)
    return f"User response: {answer.action} {answer.data}"


@conformance_server.tool
async def test_elicitation_sep1034_defaults(ctx: Context) -> str:
    """Shows the user a form with a default of every kind."""
    answer = await ctx.aelicit("Please review the form", DEFAULTS)
    return f"Elicitation completed: action={answer.action}, content={json.dumps(answer.data)}"


@conformance_server.tool
async def test_elicitation_sep1330_enums(ctx: Context) -> str:
    """Shows the user a form with a choice of every kind."""
    answer = await ctx.aelicit("Please choose", CHOICES)
    return f"Elicitation completed: action={answer.action}, content={json.dumps(answer.data)}"


@conformance_server.tool
async def test_reconnection(ctx: Context) -> str:
    """Lets go of its stream, and answers when the client has come back for it."""
    ctx.close_stream()
    await asyncio.sleep(0.15)
    return "Reconnection test completed."


@conformance_server.tool
async def test_streaming_elicitation(ctx: Context) -> str:
    """Streams to the client, and asks it nothing on the stream."""
    ctx.progress(0, 1)
    return "Nothing was asked."


@conformance_server.tool
def test_logging_tool(ctx: Context) -> str:
    """Logs at info, for those who want to hear it."""
    ctx.info("Logged.")
    return "Logged."


@conformance_server.tool
def test_trigger_tool_change() -> str:
    """Announces that the list of tools has changed."""
    conformance_server.notify_tools_changed()
    return "Announced."


@conformance_server.tool
def test_trigger_prompt_change() -> str:
    """Announces that the list of prompts has changed."""
    conformance_server.notify_prompts_changed()
    return "Announced."


# It changes nothing, so it takes an answer without the state that asked for it, as the suite sends one.
@conformance_server.tool(read_only=True)
def test_input_required_result_elicitation(ctx: Context) -> str:
    """Asks for a name."""
    answer = ctx.elicit("What is your name?", NAME, key="user_name")
    return f"Hello, {answer.data['name']}!" if answer.data else "Hello!"


@conformance_server.tool
def test_input_required_result_sampling(ctx: Context) -> str:
    """Has the client's model name a capital."""
    return ctx.sample("What is the capital of France?", max_tokens=100, key="capital_question").text


@conformance_server.tool
def test_input_required_result_list_roots(ctx: Context) -> str:
    """Asks for the client's roots."""
    return ", ".join(root["uri"] for root in ctx.list_roots(key="client_roots"))


@conformance_server.tool
def test_input_required_result_request_state(ctx: Context) -> str:
    """Asks for a confirmation, and remembers that it did."""
    if "confirm" not in ctx.answers:
        raise InputRequired({"confirm": ctx.form_question("Please confirm", CONFIRMATION)}, state={"asked": True})
    return "state-ok" if ctx.call_state == {"asked": True} else "state-lost"


@conformance_server.tool
def test_input_required_result_multiple_inputs(ctx: Context) -> str:
    """Asks three things at once."""
    questions = {
        "user_name": ctx.form_question("What is your name?", NAME),
        "greeting": ctx.sampling_question("Generate a greeting", max_tokens=50),
        "client_roots": ctx.roots_question(),
    }
    if missing := {key: question for key, question in questions.items() if key not in ctx.answers}:
        raise InputRequired(missing)
    return f"Received {len(questions)} answers."


@conformance_server.tool
def test_input_required_result_multi_round(ctx: Context) -> str:
    """Asks one thing after another."""
    name = ctx.elicit("Step 1: What is your name?", NAME, key="step1")
    colour = ctx.elicit("Step 2: What is your favorite color?", COLOUR, key="step2")
    return f"{(name.data or {}).get('name')} likes {(colour.data or {}).get('color')}."


@conformance_server.tool
def test_input_required_result_tampered_state(ctx: Context) -> str:
    """Asks for a confirmation under a state that cannot be forged."""
    answer = ctx.elicit("Please confirm", CONFIRMATION, key="confirm")
    return f"Confirmed: {answer.action}"


@conformance_server.tool
def test_input_required_result_capabilities(ctx: Context) -> str:
    """Asks only what the client can answer."""
    if "elicitation" in ctx.client_capabilities:
        ctx.elicit("What is your name?", NAME, key="user_name")
    if "sampling" in ctx.client_capabilities:
        return ctx.sample("Say hello", max_tokens=50, key="greeting").text
    return "Nothing could be asked."


# Tools of the extension for tasks


@conformance_server.tool
def greet(name: str) -> str:
    """Greets, at once."""
    return f"Hello, {name}!"


@conformance_server.tool(task="optional", read_only=True, poll_seconds=0.5)
def slow_compute(seconds: float, ctx: Context, label: str = "it") -> str:
    """Takes its time, and stops when it is cancelled.

    Args:
        seconds: how long
        label: a name for what is computed
    """
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        ctx.raise_if_cancelled()
        time.sleep(min(left, 0.1))
    return f"Computed {label} in {seconds:g} seconds."


@conformance_server.tool(task="required")
def failing_job() -> str:
    """Fails in a task, and tells the model so."""
    raise ToolError("This job always fails")


@conformance_server.tool(task="required")
def protocol_error_job() -> str:
    """Fails with an error of the protocol."""
    raise ProtocolError(-32603, "This job always breaks")


@conformance_server.tool(task="optional")
def confirm_delete(filename: str, ctx: Context) -> str:
    """Asks before it would delete a file.

    Args:
        filename: any name
    """
    answer = ctx.elicit(f"Delete {filename}?", CONFIRM, key="confirm")
    sure = answer.data is not None and answer.data["confirm"]
    return f"Deleted {filename}." if sure else f"Kept {filename}."


@conformance_server.tool(task="optional")
def multi_input(ctx: Context) -> str:
    """Asks two things at the same time."""
    answers = ctx.elicit_all({"first": ("The first?", ANYTHING), "second": ("The second?", ANYTHING)})
    return ", ".join(f"{key}: {answer.action}" for key, answer in answers.items())


def ask_name(ctx: Context) -> Any:
    return ctx.elicit("What is your name?", NAME, key="name")


@conformance_server.tool(task="optional", before_task=ask_name)
def test_tool_with_task(ctx: Context) -> str:
    """Asks for a name, and greets it in a task."""
    answer = ask_name(ctx)
    return f"Hello, {answer.data['name']}!" if answer.data else "Hello!"


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


@conformance_server.prompt
def test_input_required_result_prompt(ctx: Context) -> str:
    """Asks for the context that it needs."""
    answer = ctx.elicit("What context should the prompt use?", CONTEXT, key="user_context")
    return f"Use this context: {(answer.data or {}).get('context')}"


# Skills. They come after the resources that the suite expects first.

conformance_server.extend(Skills(apps=["conformance"]))
