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
    command = [sys.executable, "manage.py", "mcp_inspector", "--cli", "--inspector", inspector, *arguments]
    environment = {**data.environment, "AIRPORTS_TOKEN": token}
    run = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


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
