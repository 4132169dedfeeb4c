"""The environments of the clients, with the newest releases: the matrix is there to notice when a client changes.

Each group of Python clients that can live together has one, made by uv; npm keeps the others apart in one folder.
"""

import json
import re
import shutil
import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import npm
from tests.clients.matrix import Client

HERE = Path(__file__).parent
DRIVERS = HERE / "drivers"
NODE_MAJOR = 24
"""mcporter needs it. npm brings it to Linux, where another Node has to be there to run npm."""
INSTALL_SECONDS = 600

_installing: dict[Path, threading.Lock] = defaultdict(threading.Lock)
_done: set[Path] = set()


@dataclass(frozen=True, slots=True)
class Installed:
    """How a client's driver is started, and the release that is installed."""

    command: list[str]
    version: str


def installed(client: Client, config: pytest.Config) -> Installed:
    return installed_by_uv(client, config) if client.needs else installed_by_npm(client, config)


def installed_by_uv(client: Client, config: pytest.Config) -> Installed:
    folder = config.cache.mkdir("client " + re.sub(r"\W+", "-", " ".join(client.needs)).strip("-"))
    python = folder / "bin" / "python"
    with once(folder) as is_first:
        if is_first:
            if not python.exists():
                run(uv(), "venv", "--quiet", "--allow-existing", "--python", sys.executable, str(folder))
            run(uv(), "pip", "install", "--quiet", "--upgrade", "--python", str(python), *client.needs)
    driver, *arguments = client.driver.split()
    if "{modules}" in client.driver:
        modules = node_modules(config)
        arguments = [part.format(node=find_node(modules), modules=modules) for part in arguments]
        version = npm_version(modules, client.package)
    else:
        version = run(str(python), "-c", f"from importlib.metadata import version as v; print(v({client.package!r}))")
    return Installed([str(python), str(DRIVERS / driver), *arguments], version.strip())


def installed_by_npm(client: Client, config: pytest.Config) -> Installed:
    modules = node_modules(config)
    driver, *arguments = client.driver.split()
    return Installed(
        [find_node(modules), str(modules.parent / driver), *arguments], npm_version(modules, client.package)
    )


def uv() -> str:
    beside = Path(sys.executable).with_name("uv")
    return str(beside) if beside.exists() else shutil.which("uv") or pytest.fail("uv is not installed: nox -s clients")


def node_modules(config: pytest.Config) -> Path:
    """The folder of all packages, with the drivers beside it: a module of Node finds packages from where it lies."""
    npm.check_node(npm.NODE_MAJOR)
    folder = config.cache.mkdir("clients of node")
    with once(folder) as is_first:
        if is_first:
            shutil.copy(HERE / "package.json", folder)
            for module in DRIVERS.glob("*.mjs"):
                shutil.copy(module, folder)
            quietly = ("--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error")
            run("npm", "install", *quietly, folder=folder)
    return folder / "node_modules"


def npm_version(modules: Path, package: str) -> str:
    return str(json.loads((modules / package / "package.json").read_text())["version"])


def find_node(modules: Path) -> str:
    found = shutil.which("node") or ""
    if found and int(run(found, "--version").removeprefix("v").partition(".")[0]) >= NODE_MAJOR:
        return found
    brought = list(modules.glob("node-linux-*/bin/node"))
    return str(brought[0]) if brought else pytest.fail(f"Node {NODE_MAJOR} is not installed")


@contextmanager
def once(folder: Path) -> Iterator[bool]:
    """True for the first that comes here; the others wait until it is done."""
    with _installing[folder]:
        yield folder not in _done
        _done.add(folder)


def run(*command: str, folder: Path | None = None) -> str:
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    if result.returncode:
        pytest.fail(f"{' '.join(command)}\n{result.stderr[-2000:]}")
    return result.stdout
