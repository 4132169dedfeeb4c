"""The official Python SDK's client visits the example project, in both of its modes, over real HTTP and over stdio."""

import json
import sys
from typing import Any

import httpx2
import mcp_types
import pytest
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from tests.live_site import ROOT, Data, Site, expected_visit

MODES = {"legacy": "2025-11-25", "auto": "2026-07-28"}


@pytest.mark.parametrize("mode", MODES)
async def test_the_official_client_finds_everything(site: Site, mode: str) -> None:
    headers = {"Authorization": f"Token {site.token}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=30) as http,
        Client(streamable_http_client(f"{site.url}/mcp", http_client=http), mode=mode) as client,
    ):
        assert await visit(client) == expected_visit(MODES[mode])


@pytest.mark.parametrize(("mode", "version"), [("legacy", "2025-11-25"), ("2026-07-28", "2026-07-28")])
async def test_the_official_client_finds_the_same_over_stdio(live_data: Data, mode: str, version: str) -> None:
    # Not "auto": the client gives up its question for the era on a machine that starts Django slowly.
    command = ["manage.py", "mcp_stdio", "--user", "amelia"]
    started = StdioServerParameters(command=sys.executable, args=command, env=live_data.environment, cwd=ROOT)
    # A client that is told the revision asks no server for its name.
    named = {} if mode == "legacy" else {"server": None}
    async with Client(started, mode=mode, read_timeout_seconds=60) as client:
        assert await visit(client) == {**expected_visit(version), **named}


async def visit(client: Client) -> dict[str, Any]:
    """The results of a signed-in client that tries everything once."""
    return {
        "version": client.protocol_version,
        "server": client.server_info and client.server_info.name,
        "tools": [tool.name for tool in (await client.list_tools()).tools],
        **await call_tools(client),
        **await read_resources(client),
        **await use_prompts(client),
    }


async def call_tools(client: Client) -> dict[str, Any]:
    async def call(name: str, /, **arguments: Any) -> Any:
        return (await client.call_tool(name, arguments)).structured_content

    unknown = await client.call_tool("airport_facts", {"code": "QQQ"})
    nearest = await call("nearest_airports", latitude=51.47, longitude=-0.46, limit=1)
    is_wrapped = isinstance(nearest, dict)
    trip = await call("create_trip", name="To New York")
    trip = await call("add_leg", trip_id=trip["id"], origin="LHR", destination="JFK")
    return {
        "facts": await call("airport_facts", code="LHR"),
        "distance_km": round((await call("distance", origin="LHR", destination="JFK"))["km"]),
        "nearest": [airport["iata"] for airport in (nearest["result"] if is_wrapped else nearest)],
        "list_is_wrapped": is_wrapped,
        "unknown": [unknown.is_error, *(block.text for block in unknown.content if block.type == "text")],
        "trip_km": round(trip["km"]),
    }


async def read_resources(client: Client) -> dict[str, Any]:
    templates = (await client.list_resource_templates()).resource_templates
    [contents] = (await client.read_resource("airport://LHR")).contents
    assert isinstance(contents, mcp_types.TextResourceContents)
    with pytest.raises(MCPError) as missing:
        await client.read_resource("airport://QQQ")
    country = mcp_types.ResourceTemplateReference(uri="airport://country/{country}")
    return {
        "resources": [str(resource.uri) for resource in (await client.list_resources()).resources],
        "templates": [template.uri_template for template in templates],
        "resource": json.loads(contents.text),
        "missing": missing.value.data,
        "countries": (await client.complete(country, {"name": "country", "value": "z"})).completion.values,
    }


async def use_prompts(client: Client) -> dict[str, Any]:
    prompt, *_ = (await client.list_prompts()).prompts
    [message] = (await client.get_prompt(prompt.name, {"origin": "LHR", "destination": "JFK"})).messages
    assert isinstance(message.content, mcp_types.TextContent)
    reference = mcp_types.PromptReference(name=prompt.name)
    origins = await client.complete(reference, {"name": "origin", "value": "lhr"})
    destinations = await client.complete(reference, {"name": "destination", "value": "lhr"}, {"origin": "LHR"})
    return {
        "prompt": [prompt.name, *(argument.name for argument in prompt.arguments or ())],
        "message": [message.role, message.content.text.partition("\n")[0]],
        "origins": origins.completion.values,
        "destinations_from_there": destinations.completion.values,
    }
