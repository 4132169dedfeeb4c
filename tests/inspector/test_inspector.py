"""The official Inspector's CLI, started by mcp_inspector, over HTTP and over stdio, in both eras."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests import npm
from tests.live_site import ROOT, Data, Site

HERE = Path(__file__).parent
SECONDS = 240


@pytest.fixture(scope="session")
def inspector(request: pytest.FixtureRequest) -> str:
    return str(npm.installed(request, HERE) / "node_modules" / ".bin" / "mcp-inspector")


def inspect(inspector: str, data: Data, *arguments: str, token: str = "") -> Any:
    return json.loads(said_by(inspector, data, *arguments, token=token))


def said_by(inspector: str, data: Data, *arguments: str, token: str = "") -> str:
    command = [sys.executable, "manage.py", "mcp_inspector", "--cli", "--inspector", inspector, *arguments]
    environment = {**data.environment, "AIRPORTS_TOKEN": token}
    run = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


CALL = ["--", "--connect-timeout", "120000", "--method", "tools/call", "--tool-name", "my_trips"]


@pytest.mark.parametrize("era", ["handshake", "modern"])
def test_the_inspector_calls_a_tool_over_stdio_as_the_user(inspector: str, live_data: Data, era: str) -> None:
    here = {name: live_data.environment[name] for name in ("DATABASE_URL", "ALLOWED_HOSTS")}
    env = [part for name, value in here.items() for part in ("--env", f"{name}={value}")]
    said = inspect(inspector, live_data, "--stdio", "--user", "amelia", *env, "--era", era, *CALL)

    content = said["structuredContent"]
    # Other tests of the run may have given the user trips.
    assert said["isError"] is False
    assert isinstance(content if era == "modern" else content["result"], list)


@pytest.fixture(scope="session")
def token(live_data: Data) -> str:
    command = [sys.executable, "manage.py", "mcp_token", "create", "amelia", "inspector"]
    made = subprocess.run(
        command, cwd=ROOT, env=live_data.environment, capture_output=True, text=True, timeout=SECONDS, check=True
    )
    return made.stdout.strip()


@pytest.mark.parametrize("era", ["handshake", "modern"])
def test_the_inspector_calls_a_tool_over_http_with_the_users_token(
    inspector: str, live_data: Data, site: Site, token: str, era: str
) -> None:
    url = ["--url", f"{site.url}/mcp", "--token-env", "AIRPORTS_TOKEN"]

    assert inspect(inspector, live_data, *url, "--era", era, *CALL, token=token)["isError"] is False


@pytest.mark.parametrize("era", ["handshake", "modern"])
def test_the_inspector_finds_the_app_of_a_tool(inspector: str, live_data: Data, site: Site, era: str) -> None:
    asked = ["--url", f"{site.url}/atlas/mcp", "--era", era, "--", "--method", "tools/list", "--app-info"]

    assert [json.loads(line) for line in said_by(inspector, live_data, *asked).splitlines()] == [
        {
            "hasApp": True,
            "toolName": "airports_map",
            "resourceUri": "ui://airports/map",
            "resourceMimeType": "text/html;profile=mcp-app",
            "prefersBorder": True,
        },
        {"hasApp": False, "toolName": "map_background"},
        {"hasApp": False, "toolName": "airport_facts"},
    ]


def test_the_inspector_verifies_the_skills(inspector: str, live_data: Data, site: Site) -> None:
    asked = ["--url", f"{site.url}/guides/mcp", "--era", "modern", "--", "--method", "skills/list", "--verify"]

    reports = [json.loads(line) for line in said_by(inspector, live_data, *asked).splitlines()]
    assert {one["name"]: one["outcome"] for one in reports} == {
        "operate-mcp-server": "verified",
        "write-mcp-tools": "verified",
    }
