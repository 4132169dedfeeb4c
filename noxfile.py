"""The tests that another Python or Django may break, on every supported Python: `nox`. The whole suite: `nox -- tests`.

An interpreter that is not installed is named in the summary as skipped: what it did not run, nox says.
"""

import os
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nox

nox.options.default_venv_backend = "uv|virtualenv"
nox.options.error_on_missing_interpreters = False
nox.options.download_python = "never"
nox.options.sessions = ["tests"]

# Annotations and data classes, threads and event loops, the ORM, and one journey over every lane.
LEG = (
    "tests/protocol",
    "tests/primitives",
    "tests/methods",
    "tests/execution",
    "tests/storage",
    "tests/asgi",
    "tests/journeys/test_tools.py",
)

# The oldest Python carries the oldest Django that is supported; the others the newest one.
DJANGO = {"3.11": "django~=5.2.19", "3.12": "django", "3.13": "django", "3.14": "django"}
MAIN = (
    "django @ https://github.com/django/django/archive/refs/heads/main.tar.gz",
    "asgiref @ https://github.com/django/asgiref/archive/refs/heads/main.tar.gz",
)

# pyenv's shims answer to names of versions that are not active; its real interpreters go before them.
pyenv = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser()
interpreters = [str(path) for version in DJANGO for path in sorted(pyenv.glob(f"versions/{version}.*/bin"))]
os.environ["PATH"] = os.pathsep.join([*interpreters, os.environ["PATH"]])


@nox.session(python=list(DJANGO))
def tests(session: nox.Session) -> None:
    """With the Django that goes with this Python; `{python}` in an argument is its version."""
    python = str(session.python)
    session.install("--editable", ".", "--group", "test", "--group", "postgres", "--upgrade", DJANGO[python])
    run(session, [argument.replace("{python}", python) for argument in session.posargs])


@nox.session(python="3.14")
def main(session: nox.Session) -> None:
    """Django and asgiref as they will be: `nox -s main`. It may fail, and no verdict waits for it."""
    session.install("--editable", ".", "--group", "test", "--group", "postgres")
    session.install("--upgrade", *MAIN)
    run(session, session.posargs)


@nox.session(python="3.12")
def lowest(session: nox.Session) -> None:
    """The lowest releases of the dependencies that pyproject.toml admits: `nox -s lowest`."""
    constraints = Path(session.create_tmp()) / "lowest.txt"
    constraints.write_text("\n".join(floors()))
    session.install(
        "--editable", everything(), "--group", "test", "--group", "postgres", "--constraint", str(constraints)
    )
    run(session, session.posargs)


@nox.session(python="3.14")
def newest(session: nox.Session) -> None:
    """The newest releases of the dependencies, and of what those depend on: `nox -s newest`."""
    upgrade = ("--upgrade",) if session.venv_backend == "uv" else ("--upgrade", "--upgrade-strategy", "eager")
    session.install("--editable", everything(), "--group", "test", "--group", "postgres", *upgrade)
    run(session, session.posargs)


def project() -> dict[str, Any]:
    table: dict[str, Any] = tomllib.loads(Path("pyproject.toml").read_text())["project"]
    return table


def everything() -> str:
    """The project with all of its extras, for pip."""
    return f".[{','.join(project()['optional-dependencies'])}]"


def floors() -> list[str]:
    """The lowest release of each dependency of the project and its extras, as `name==release`."""
    extras = [requirement for extra in project()["optional-dependencies"].values() for requirement in extra]
    found = [re.match(r"([\w.-]+)(?:\[.*?\])?>=([\w.]+)", text) for text in [*project()["dependencies"], *extras]]
    return [f"{match[1]}=={match[2]}" for match in found if match]


def run(session: nox.Session, arguments: Sequence[str]) -> None:
    """The leg, or the paths among the arguments."""
    session.run(
        "python", "-c", "import django, sys; print(f'Python {sys.version.split()[0]}, Django {django.__version__}')"
    )
    paths = () if any(not argument.startswith("-") for argument in arguments) else LEG
    session.run("python", "-m", "pytest", "--numprocesses", "auto", *paths, *arguments)


@nox.session(python="3.12")
@nox.parametrize("project", ["kinds", "kinds on PostgreSQL", "wagtail", "cms", "oscar", "helpdesk", "tenants"])
def zoo(session: nox.Session, project: str) -> None:
    """Every model of projects that others wrote, with settings of their own: `nox -s zoo`, or one by its name. The
    second and the last use the PostgreSQL that POSTGRES names.
    """
    session.install("--editable", ".", "--group", "zoo")
    settings = project.partition(" ")[0]
    postgres = os.environ.get("POSTGRES", "postgres://postgres@127.0.0.1:5432")
    database = f"{postgres}/zoo" if project in ("kinds on PostgreSQL", "tenants") else ""
    session.run(
        *("python", "-m", "pytest", "tests/zoo", "-m", "zoo", "--confcutdir=tests/zoo", *session.posargs),
        *("-W", "default::DeprecationWarning", "-W", "default::PendingDeprecationWarning"),
        env={"DJANGO_SETTINGS_MODULE": f"tests.zoo.settings.{settings}", "DATABASE_URL": database},
    )


@nox.session(python="3.12")
def recipes(session: nox.Session) -> None:
    """docs/recipes.md, with the packages that it is about: `nox -s recipes`."""
    session.install("--editable", ".", "--group", "recipes")
    session.run(
        *("python", "-m", "pytest", "tests/recipes", "-m", "recipes", *session.posargs),
        *("-W", "default::DeprecationWarning", "-W", "default::PendingDeprecationWarning"),
        env={"DJANGO_SETTINGS_MODULE": "tests.recipes.settings"},
    )


@nox.session(python="3.12")
def clients(session: nox.Session) -> None:
    """The clients of docs/clients.md, in environments of their own: `nox -s clients`, or one: `… -- -k agno`."""
    session.install("--editable", ".", "--group", "clients")
    session.run("python", "-m", "pytest", "tests/clients", "-m", "clients", *session.posargs)
