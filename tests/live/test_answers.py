"""Questions of a server to its client during a call: the answer may land on any process."""

import asyncio
from typing import Any

import httpx
import pytest

from tests import wire
from tests.live.client import CAPABILITIES, MODERN, Client, answer_of
from tests.live.cluster import SECONDS, Cluster, Server

ANSWERS = {
    "elicitation/create": {"action": "accept", "content": {"name": "Ada"}},
    "sampling/createMessage": {
        "role": "assistant",
        "content": {"type": "text", "text": "Roses"},
        "model": "m",
        "stopReason": "endTurn",
    },
    "roots/list": {"roots": [{"uri": "file:///home"}]},
}
ANSWERED = {"name": "Ada", "poem": "Roses", "roots": ["file:///home"]}


async def pid(client: Client, server: Server) -> int:
    return int(await client.call(server, "whose"))


@pytest.mark.parametrize("tool", ["ask", "ask_async"])
async def test_an_answer_that_lands_on_another_process_reaches_the_call(four: Cluster, client: Client, tool: str):
    running, *others = four.servers
    await client.open(others[0])
    asked, message = [], {}
    async with asyncio.timeout(SECONDS):
        async for event in client.call_streamed(running, tool):
            message = event.message
            if "method" in message and "id" in message:
                answering = others[len(asked)]
                asked.append((message["method"], answering.process.pid))
                answer = await client.post(answering, wire.answer(ANSWERS[message["method"]], message["id"]))
                assert answer.status_code == 202

    assert [method for method, _ in asked] == list(ANSWERS)
    here = running.process.pid
    assert message["result"]["structuredContent"] == {"pids": [here, here], **ANSWERED}
    assert await pid(client, running) == here
    assert here not in [pid for _, pid in asked]


async def test_calls_that_wait_for_answers_do_not_stall_their_server(four: Cluster, client: Client):
    running, other, *_ = four.servers
    await client.open(running)
    calls = [client.call_streamed(running, "ask") for _ in range(40)]
    questions = []
    for call in calls:
        async for event in call:
            if event.message.get("method") == "elicitation/create":
                questions.append(event.message["id"])
                break
        # All of them are open, and the server still has time for others.
        if len(questions) == 31:
            break

    assert len(set(questions)) == 31
    assert await pid(client, running) == running.process.pid
    for question in questions:
        await client.post(other, wire.answer({"action": "decline"}, question))


@pytest.mark.parametrize("tool", ["ask", "ask_async"])
async def test_the_same_tool_asks_a_modern_client_in_rounds_at_any_process(
    four: Cluster, http: httpx.AsyncClient, tool: str
):
    params: dict[str, Any] = {"name": tool, "arguments": {}}
    result: dict[str, Any] = {}
    for server in four.servers:
        result = await call_modern(http, server, params)
        if result["resultType"] == "complete":
            break
        asked = result["inputRequests"]
        answers = {key: ANSWERS[question["method"]] for key, question in asked.items()}
        params |= {"inputResponses": answers, "requestState": result["requestState"]}

    last = four.servers[3].process.pid
    assert result["structuredContent"] == {"pids": [last, last], **ANSWERED}


async def call_modern(http: httpx.AsyncClient, server: Server, params: dict[str, Any]) -> dict[str, Any]:
    meta = {
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientCapabilities": CAPABILITIES,
    }
    headers = {
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": MODERN,
        "Mcp-Method": "tools/call",
        "Mcp-Name": params["name"],
    }
    message = wire.request("tools/call", {**params, "_meta": meta})
    response = await http.post(server.url, json=message, headers=headers)
    assert response.status_code == 200, response.text
    result: dict[str, Any] = answer_of(response)["result"]
    return result


async def test_a_cancellation_that_lands_on_another_process_reaches_the_call(four: Cluster, client: Client):
    """The cancellation may come before the process that runs the call has registered it."""
    running, other, *_ = four.servers
    await client.open(running)
    message = wire.request("tools/call", {"name": "begin", "arguments": {}}, 77)
    call = asyncio.create_task(client.post(running, message))
    await asyncio.sleep(0)
    cancelled = wire.notification("notifications/cancelled") | {"params": {"requestId": 77}}
    assert (await client.post(other, cancelled)).status_code == 202

    async with asyncio.timeout(SECONDS):
        response = await call
    assert '"code":-32800' in response.text
