"""The official TypeScript clients visit the example project: visit.js, under node."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests import npm
from tests.live_site import Site, expected_visit

HERE = Path(__file__).parent
VISIT_SECONDS = 60

CLIENTS = {("v1", "legacy"): "2025-11-25", ("v2", "legacy"): "2025-11-25", ("v2", "auto"): "2026-07-28"}


@pytest.fixture(scope="session")
def installed(request: pytest.FixtureRequest) -> Path:
    """The folder where npm has installed the clients, and visit.js beside them."""
    folder = npm.installed(request, HERE)
    shutil.copy(HERE / "visit.js", folder)
    return folder


@pytest.mark.parametrize(("release", "mode"), CLIENTS)
def test_the_official_client_finds_everything(installed: Path, site: Site, release: str, mode: str) -> None:
    command = ["node", "visit.js", release, mode, f"{site.url}/mcp", site.token]
    visit = subprocess.run(command, cwd=installed, capture_output=True, text=True, timeout=VISIT_SECONDS, check=False)

    assert (visit.returncode, visit.stderr) == (0, "")
    assert json.loads(visit.stdout) == expected_visit(CLIENTS[release, mode])
