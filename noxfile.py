"""The test suite on every supported Python: `nox`.

An interpreter that is not installed is named in the summary as skipped: what it did not run, nox says.
"""

import os
from pathlib import Path

import nox

nox.options.default_venv_backend = "virtualenv"
nox.options.error_on_missing_interpreters = False
nox.options.download_python = "never"

# The oldest Python carries the oldest Django that is supported; the others the newest one.
DJANGO = {"3.11": "django~=5.2.19", "3.12": "django", "3.13": "django", "3.14": "django"}

# pyenv's shims answer to names of versions that are not active; its real interpreters go before them.
pyenv = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser()
interpreters = [str(path) for version in DJANGO for path in sorted(pyenv.glob(f"versions/{version}.*/bin"))]
os.environ["PATH"] = os.pathsep.join([*interpreters, os.environ["PATH"]])


@nox.session(python=list(DJANGO))
def tests(session: nox.Session) -> None:
    """The suite, with the Django that goes with this Python; `{python}` in an argument is its version."""
    python = str(session.python)
    session.install("--editable", ".", "--group", "test", "--group", "postgres", "--upgrade", DJANGO[python])
    session.run(
        "python", "-c", "import django, sys; print(f'Python {sys.version.split()[0]}, Django {django.__version__}')"
    )
    session.run(
        "python",
        "-m",
        "pytest",
        "--numprocesses",
        "auto",
        *(argument.replace("{python}", python) for argument in session.posargs),
    )
