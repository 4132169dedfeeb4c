"""Lines that a project lacks to serve MCP: in its URLconf, its ASGI or WSGI module, and its settings.

Each lack is found in the project as it runs, and mended in the text of one file. A file of an unusual form is not
edited: the advice says what to write.
"""

import ast
import difflib
import os
import re
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from django.conf import ENVIRONMENT_VARIABLE, settings
from django.urls import is_valid_path
from django.utils.translation import gettext as _

from django_mcp.endpoint.routes import routes

DJANGOS_ASGI = re.compile(r"^from django\.core\.asgi import get_asgi_application$", re.MULTILINE)
DJANGOS_WSGI = re.compile(r"^from django\.core\.wsgi import get_wsgi_application$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Lack:
    """A lack of the project. `after` is the text of the file without it; `None`: a person has to edit the file."""

    path: Path
    advice: str
    after: str | None = None

    def diff(self) -> str:
        """The edit as a unified diff."""
        before = self.path.read_text(encoding="utf-8").splitlines(keepends=True)
        after = (self.after or "").splitlines(keepends=True)
        return "".join(difflib.unified_diff(before, after, str(self.path), str(self.path)))

    def mend(self) -> None:
        """Writes the file."""
        assert self.after is not None
        self.path.write_text(self.after, encoding="utf-8")


def lacks() -> Iterator[Lack]:
    """The lacks of the project that runs, in the order in which to mend them."""
    yield from _urls()
    yield from lane_lacks()


def lane_lacks() -> Iterator[Lack]:
    """Those of the ASGI and WSGI modules and of the settings, without which an endpoint is not served in its lane."""
    asgi = _module_of("ASGI_APPLICATION", "asgi")
    if asgi is not None:
        yield from _asgi(asgi)
        yield from _settings(asgi)
    elif (wsgi := _module_of("WSGI_APPLICATION", "wsgi")) is not None:
        yield from _wsgi(wsgi)


def is_installed(path: Path) -> bool:
    """Whether a path is in an installed package, not in the project."""
    places = [Path(sysconfig.get_path(name)).resolve() for name in ("purelib", "platlib", "stdlib")]
    resolved = path.resolve()
    return any(resolved.is_relative_to(place) for place in places) or bool(
        {"site-packages", "dist-packages"} & {*resolved.parts}
    )


def _urls() -> Iterator[Lack]:
    if routes():
        return
    path = _file_of(settings.ROOT_URLCONF)
    advice = _('No URL leads to an endpoint: add path("mcp", endpoint()) to urlpatterns. Callers have to sign in.')
    urlpatterns = import_module(settings.ROOT_URLCONF).urlpatterns
    text = path.read_text(encoding="utf-8")
    if not isinstance(urlpatterns, list) or not re.search(r"^urlpatterns\b", text, re.MULTILINE):
        yield Lack(path, advice)
        return
    imported = "" if _imports_path(text) else "from django.urls import path\n"
    text = _with_import(text, f"{imported}from django_mcp.urls import endpoint\n")
    # A pattern that takes every path, as those of pages do, would take this one too.
    added = "urlpatterns.insert(0, {})" if _is_taken() else "urlpatterns += [{}]"
    line = added.format('path("mcp", endpoint())')
    yield Lack(path, advice, f"{text.rstrip()}\n\n{line}\n")


def _is_taken() -> bool:
    return any(is_valid_path(taken) for taken in ("/mcp", "/mcp/"))


def _imports_path(text: str) -> bool:
    imports = [node for node in ast.parse(text).body if isinstance(node, ast.ImportFrom)]
    names = [alias for node in imports if node.module == "django.urls" for alias in node.names]
    return any(alias.name == "path" and alias.asname is None for alias in names)


def _with_import(text: str, line: str) -> str:
    """The text with a line after its last import, or after its docstring."""
    tree = ast.parse(text)
    imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    above = imports or (tree.body[:1] if ast.get_docstring(tree) is not None else [])
    number = (above[-1].end_lineno or 0) if above else 0
    lines = text.splitlines(keepends=True)
    return "".join([*lines[:number], line, *lines[number:]])


def _module_of(setting: str, name: str) -> str | None:
    """The module of an application: that of the setting, or the one beside the URLconf."""
    if named := getattr(settings, setting, None):
        return str(named).rpartition(".")[0]
    beside = f"{settings.ROOT_URLCONF.rpartition('.')[0]}.{name}".lstrip(".")
    return beside if find_spec(beside) is not None else None


def _asgi(module: str) -> Iterator[Lack]:
    advice = _("The ASGI application serves no streams: import get_asgi_application from django_mcp.asgi.")
    yield from _import(module, DJANGOS_ASGI, "from django_mcp.asgi import get_asgi_application", advice)


def _wsgi(module: str) -> Iterator[Lack]:
    advice = _(
        "Each MCP request passes all of the project's middleware: import get_wsgi_application from django_mcp.wsgi, "
        "unless your tools need it."
    )
    yield from _import(module, DJANGOS_WSGI, "from django_mcp.wsgi import get_wsgi_application", advice)


def _import(module: str, djangos: re.Pattern[str], ours: str, advice: str) -> Iterator[Lack]:
    """The lack of a module whose application is Django's own."""
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        return
    path = Path(spec.origin)
    text = path.read_text(encoding="utf-8")
    if "django_mcp" in text:
        return
    after, count = djangos.subn(ours, text)
    yield Lack(path, advice, after if count else None)


def _settings(asgi: str) -> Iterator[Lack]:
    module = os.environ.get(ENVIRONMENT_VARIABLE)
    if getattr(settings, "ASGI_APPLICATION", None) or not module:
        return
    path = _file_of(module)
    line = f'ASGI_APPLICATION = "{asgi}.application"'
    advice = _("The system checks cannot look at the ASGI application: add %(line)s.") % {"line": line}
    yield Lack(path, advice, f"{path.read_text(encoding='utf-8').rstrip()}\n\n{line}\n")


def _file_of(module: str) -> Path:
    return Path(str(import_module(module).__file__))
