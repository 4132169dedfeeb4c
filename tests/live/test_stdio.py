"""The process behind a stdio client: its pipes, its end, and the official client's questions and changes."""

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import mcp_types
import pytest
from mcp import Client, StdioServerParameters
from mcp.shared.exceptions import MCPDeprecationWarning

from tests import wire
from tests.live.cluster import ROOT, SECONDS, cluster

PATIENCE = 3 * SECONDS


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with cluster(tmp_path_factory.mktemp("stdio"), 0) as servers:
        yield servers.environment


class Process:
    """A server process that a test talks to line by line."""

    def __init__(self, environment: dict[str, str], *arguments: str) -> None:
        command = [sys.executable, "manage.py", "mcp_stdio", "--server", "watched", *arguments]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        self.process = subprocess.Popen(command, cwd=ROOT, env=environment, text=True, **pipes)

    def send(self, *messages: Any) -> None:
        for message in messages:
            self.process.stdin.write((message if isinstance(message, str) else json.dumps(message)) + "\n")
        self.process.stdin.flush()

    def hear(self) -> dict[str, Any]:
        return json.loads(self.process.stdout.readline())

    def end(self) -> tuple[int, list[dict[str, Any]], str]:
        """The exit code, the rest of the messages, and the log."""
        out, log = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, [json.loads(line) for line in out.splitlines()], log


@pytest.fixture
def process(environment: dict[str, str]) -> Iterator[Process]:
    made = Process(environment)
    yield made
    made.process.kill()
    made.process.communicate()


def test_nothing_but_messages_is_on_stdout_and_the_end_of_stdin_ends_the_process(process: Process) -> None:
    process.send(wire.initialize(), wire.notification(), "rubbish")
    process.send(wire.request("tools/call", {"name": "babble"}, 2), wire.request("ping", request_id=3))

    code, messages, log = process.end()

    assert code == 0
    assert {message.get("id") for message in messages} == {1, None, 2, 3}
    for said in ("printed at import", "printed by a tool", "written by a subprocess"):
        assert said in log


def test_a_signal_ends_the_process_and_its_session(process: Process, environment: dict[str, str]) -> None:
    process.send(wire.initialize(), wire.notification(), wire.request("tools/call", {"name": "begin"}, 2))
    assert process.hear()["id"] == 1
    assert process.hear()["method"] == "notifications/message"
    process.process.send_signal(signal.SIGTERM)

    code, messages, _log = process.end()

    assert (code, messages) == (0, [])


def test_a_user_who_may_not_come_in_is_told_on_stderr(environment: dict[str, str]) -> None:
    code, messages, log = Process(environment, "--user", "nobody").end()

    assert (code, messages) == (1, [])
    assert "CommandError: There is no user 'nobody'." in log


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
async def test_the_official_client_is_asked_and_hears_of_changes(environment: dict[str, str], mode: str) -> None:
    heard = asyncio.Event()

    async def elicit(*_: Any) -> mcp_types.ElicitResult:
        return mcp_types.ElicitResult(action="accept", content={"name": "Ada"})

    async def sample(*_: Any) -> mcp_types.CreateMessageResult:
        text = mcp_types.TextContent(type="text", text="A poem")
        return mcp_types.CreateMessageResult(role="assistant", content=text, model="m")

    async def roots(*_: Any) -> mcp_types.ListRootsResult:
        return mcp_types.ListRootsResult(roots=[mcp_types.Root(uri="file:///home")])

    async def hear(message: Any) -> None:
        if isinstance(message, mcp_types.ResourceUpdatedNotification):
            heard.set()

    arguments = ["manage.py", "mcp_stdio", "--server", "watched"]
    started = StdioServerParameters(command=sys.executable, args=arguments, env=environment, cwd=ROOT)
    answers = {"elicitation_callback": elicit, "sampling_callback": sample, "list_roots_callback": roots}
    async with Client(started, mode=mode, read_timeout_seconds=PATIENCE, message_handler=hear, **answers) as client:
        for tool in ("ask", "ask_async"):
            said = (await client.call_tool(tool, {})).structured_content
            assert (said["name"], said["poem"], said["roots"]) == ("Ada", "A poem", ["file:///home"])
        if mode == "legacy":
            with pytest.warns(MCPDeprecationWarning):
                await client.subscribe_resource("note://1")
            await client.call_tool("touch", {"uri": "note://1"})
            await asyncio.wait_for(heard.wait(), PATIENCE)
        else:
            async with client.listen(resource_subscriptions=["note://1"]) as changes:
                await client.call_tool("touch", {"uri": "note://1"})
                async with asyncio.timeout(PATIENCE):
                    assert "note://1" in repr(await anext(aiter(changes)))
