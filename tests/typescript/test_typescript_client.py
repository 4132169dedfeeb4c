"""The official TypeScript clients visit the example project: visit.js, under node."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.live_site import Site, expected_visit, skip_without

HERE = Path(__file__).parent
NODE_MAJOR = 20
INSTALL_SECONDS, VISIT_SECONDS = 300, 60

CLIENTS = {("v1", "legacy"): "2025-11-25", ("v2", "legacy"): "2025-11-25", ("v2", "auto"): "2026-07-28"}


@pytest.fixture(scope="session")
def installed(request: pytest.FixtureRequest) -> Path:
    """The folder where npm has installed the clients, those of the lockfile, and visit.js beside them. Kept with
    pytest's cache.
    """
    check_node()
    folder = request.config.cache.mkdir("typescript")
    shutil.copy(HERE / "visit.js", folder)
    wanted = (HERE / "package-lock.json").read_text()
    stamp = folder / "installed"
    if not stamp.exists() or stamp.read_text() != wanted:
        install(folder)
        stamp.write_text(wanted)
    return folder


def check_node() -> None:
    for tool in ("node", "npm"):
        if shutil.which(tool) is None:
            skip_without(f"{tool} is not installed")
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if int(version.removeprefix("v").partition(".")[0]) < NODE_MAJOR:
        skip_without(f"node {NODE_MAJOR} or newer is not installed ({version} is)")


def install(folder: Path) -> None:
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, folder)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    npm = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    if npm.returncode != 0:
        skip_without(f"npm could not install the clients: {npm.stderr.strip()[-300:]}")


@pytest.mark.parametrize(("release", "mode"), CLIENTS)
def test_the_official_client_finds_everything(installed: Path, site: Site, release: str, mode: str) -> None:
    command = ["node", "visit.js", release, mode, f"{site.url}/mcp", site.token]
    visit = subprocess.run(command, cwd=installed, capture_output=True, text=True, timeout=VISIT_SECONDS, check=False)

    assert (visit.returncode, visit.stderr) == (0, "")
    assert json.loads(visit.stdout) == expected_visit(CLIENTS[release, mode])
