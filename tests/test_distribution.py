"""The wheel and the sdist: they hold the package in full, and the wheel alone serves the README's quickstart."""

import fcntl
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.test_docs import README, ROOT, desk_in

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

DJANGO = """
import django
from django.conf import settings
apps = ["admin", "auth", "contenttypes", "messages", "sessions"]
settings.configure(
    INSTALLED_APPS=[*(f"django.contrib.{app}" for app in apps), "django_mcp", *EXTRA_APPS],
    OAUTH2_PROVIDER={},
    SECRET_KEY="wheel",
)
django.setup()
"""

USES = {
    "": "import django_mcp.asgi, django_mcp.urls, django_mcp.contrib.model_toolset, django_mcp.contrib.viewset_toolset",
    "external-tokens": "import django_mcp.contrib.external_tokens",
    "jsonschema": "import jsonschema, django_mcp.primitives.validators",
    "oauth": "import django_mcp.contrib.oauth.urls, django_mcp.contrib.oauth.validators",
    "otel": "import opentelemetry.trace",
    "redis": "import channels_redis.core",
    "skills": "import yaml, django_mcp.contrib.skills",
    "testing": "import django_mcp.testing.fuzz",
    "tasks": "import django_tasks, django_mcp.contrib.tasks.models",
}
"""For each extra, imports that need it."""

APPS = {"oauth": ["oauth2_provider", "django_mcp.contrib.oauth"], "tasks": ["django_mcp.contrib.tasks"]}
"""Apps to install for the imports of an extra."""


def run(*command: object) -> str:
    made = subprocess.run([str(word) for word in command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stdout + made.stderr
    return made.stdout


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """A folder that one process of the tests makes, and that all of them share."""
    temporary = factory.getbasetemp()
    folder = (temporary.parent if "PYTEST_XDIST_WORKER" in os.environ else temporary) / name
    made = folder.with_suffix(".made")
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            make(folder)
            made.touch()
    return folder


def install(environment: Path, *packages: object) -> None:
    """Installs into an environment that has no pip of its own, and asks whether all fits together."""
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", environment / "bin" / "python")
    run(*pip, "install", "--no-compile", *packages)
    run(*pip, "check")


@pytest.fixture(scope="session")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel that is built from it."""

    def make(folder: Path) -> None:
        run(sys.executable, "-m", "build", "--outdir", folder, ROOT)

    return once(tmp_path_factory, "dist", make)


@pytest.fixture(scope="session")
def wheel(dist: Path) -> Path:
    [wheel] = dist.glob("*.whl")
    return wheel


@pytest.fixture(scope="session")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel alone, and what the wheel needs."""

    def make(folder: Path) -> None:
        venv.create(folder)
        install(folder, wheel)

    return once(tmp_path_factory, "environment", make)


def above(environment: Path, folder: Path) -> Path:
    """An environment that begins with what another one has, and leaves that one as it is."""
    venv.create(folder)
    [own], [below] = ((each / "lib").glob("python*/site-packages") for each in (folder, environment))
    (own / "below.pth").write_text(f"{below}\n")
    return folder


def use(environment: Path, extra: str) -> None:
    python = environment / "bin" / "python"
    # -I: what is imported comes from the environment, not from the folder or the variables of this process.
    run(python, "-I", "-c", f"EXTRA_APPS = {APPS.get(extra, [])}\n{DJANGO}\n{USES[extra]}")


def test_each_extra_is_tried() -> None:
    assert sorted(USES) == sorted(["", *PROJECT["optional-dependencies"]])


def test_the_version_is_said_in_one_place() -> None:
    """The changelog and `pyproject.toml` name it; the code asks the installed distribution."""
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest is not None
    assert newest[1] == PROJECT["version"]
    sources = (ROOT / "django_mcp").rglob("*.py")
    assert [path for path in sources if f'"{PROJECT["version"]}"' in path.read_text()] == []


@pytest.mark.project
def test_the_wheel_and_the_sdist_hold_the_package_in_full(dist: Path, wheel: Path) -> None:
    tracked = set(run("git", "ls-files", "django_mcp", "pytest_django_mcp.py").split())
    [sdist] = dist.glob("*.tar.gz")

    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    with tarfile.open(sdist) as archive:
        shipped = {member.name.partition("/")[2] for member in archive if member.isfile()}

    assert packed == tracked
    assert shipped == tracked | {
        "CHANGELOG.md",
        "LICENSE",
        "PKG-INFO",
        "README.md",
        "SECURITY.md",
        "pyproject.toml",
        ".gitignore",
    }


@pytest.mark.project
@pytest.mark.parametrize("extra", USES)
def test_the_wheel_with_an_extra_has_what_the_extra_imports(
    wheel: Path, environment: Path, extra: str, tmp_path: Path
) -> None:
    own = above(environment, tmp_path / "own")
    if extra:
        install(own, f"{wheel}[{extra}]")

    use(own, extra)


@pytest.mark.project
def test_the_wheel_alone_serves_the_quickstart(environment: Path, tmp_path: Path) -> None:
    own, project = above(environment, tmp_path / "own"), tmp_path / "project"
    install(own, "uvicorn", "mcp")
    project.mkdir()
    with desk_in(project) as desk:
        desk.python = str(own / "bin" / "python")
        desk.follow(README)
        assert "site-packages/django_mcp/" in desk.call(["-c", "import django_mcp; print(django_mcp.__file__)"])
