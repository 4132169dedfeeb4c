"""Packages of npm for tests, as their lockfile has them. They are kept with pytest's cache."""

import fcntl
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.live_site import skip_without

NODE_MAJOR = 20
INSTALL_SECONDS = 300


def installed(request: pytest.FixtureRequest, place: Path, node_major: int = NODE_MAJOR) -> Path:
    """The folder where npm has installed the packages of the lockfile at a place."""
    check_node(node_major)
    folder = request.config.cache.mkdir(place.name)
    wanted = (place / "package-lock.json").read_text()
    stamp = folder / "installed"
    # Each process of the tests asks, and two of npm in one folder take each other's files away.
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_text() != wanted:
            install(place, folder)
            stamp.write_text(wanted)
    return folder


def check_node(major: int) -> None:
    for tool in ("node", "npm"):
        if shutil.which(tool) is None:
            skip_without(f"{tool} is not installed")
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if int(version.removeprefix("v").partition(".")[0]) < major:
        skip_without(f"node {major} or newer is not installed ({version} is)")


def install(place: Path, folder: Path) -> None:
    for name in ("package.json", "package-lock.json"):
        shutil.copy(place / name, folder)
    # Not `npm ci`, which refuses a lockfile when a registry lacks an optional package of another system.
    command = ["npm", "install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    npm = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    if npm.returncode != 0:
        skip_without(f"npm could not install the packages of {place.name}: {npm.stderr.strip()[-300:]}")
