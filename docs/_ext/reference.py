"""The reference, from the code: a page for each public module, and pages for the settings, the checks and the commands.

The tables of `api.md` say what is public. The pages are written into `reference/` for the build; their text is that of
the docstrings.
"""

import ast
import inspect
import pkgutil
import re
from argparse import ArgumentParser, _SubParsersAction
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import django
from django.conf import settings
from docutils import nodes
from pages import write_if_changed
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.ext import intersphinx
from sphinx.roles import XRefRole
from sphinx.util.docutils import SphinxRole
from sphinx.util.typing import ExtensionMetadata

import django_mcp
from django_mcp import contrib

PACKAGE = Path(django_mcp.__file__).parent
ROW = re.compile(r"^\| `(?P<module>django_mcp[\w.]*)` \| (?P<names>.+) \|$", re.MULTILINE)
QUOTED = re.compile(r"`([A-Za-z_][\w.]*)(?:\([^`]*\))?`")
CHECK_ID = re.compile(r"^(?:django_mcp\.)?([CEWI]\d{3})$")
LEVELS = {"C": "critical", "E": "error", "W": "warning", "I": "info"}
MODEL_NOISE = {"DoesNotExist", "MultipleObjectsReturned", "NotUpdated"}


# Modules


def modules_of(api: str) -> dict[str, list[str]]:
    """The public names of each public module, as `api.md` has them."""
    rows = {row["module"]: QUOTED.findall(row["names"]) for row in ROW.finditer(api)}
    return {"django_mcp": django_mcp.__all__, **rows, "django_mcp.exceptions": [*exceptions_of_the_package()]}


def full_names(modules: dict[str, list[str]]) -> dict[str, str]:
    """The full name of each public name, by the short name that docstrings mention."""
    return {name.rpartition(".")[2]: f"{module}.{name}" for module, names in modules.items() for name in names}


def exceptions_of_the_package() -> Iterator[str]:
    """The exceptions that `django_mcp` does not export itself."""
    for name, one in vars(import_module("django_mcp.exceptions")).items():
        if isinstance(one, type) and one.__module__ == "django_mcp.exceptions" and name not in django_mcp.__all__:
            yield name


def module_page(module: str, names: list[str]) -> str:
    """The page of a module: its docstring, and its public names with theirs."""
    known = import_module(module)
    listed = getattr(known, "__all__", ()) if module.endswith(".signals") else names
    found = {name: resolve(known, name) for name in dict.fromkeys(listed)}
    parts = [title(f"``{module}``"), f".. automodule:: {module}\n   :no-members:\n"]
    return "\n".join([*parts, *(directive(module, name, one) for name, one in found.items())])


def resolve(module: ModuleType, dotted: str) -> Any:
    """The object of a name, which may go through submodules."""
    found: Any = module
    for part in dotted.split("."):
        if isinstance(found, ModuleType) and not hasattr(found, part) and find_spec(f"{found.__name__}.{part}"):
            import_module(f"{found.__name__}.{part}")
        if not hasattr(found, part):
            raise ExtensionError(f"docs/api.md lists {dotted} in {module.__name__}, which has no such name.")
        found = getattr(found, part)
    return found


def directive(module: str, name: str, one: Any) -> str:
    """The autodoc directive of an object, by its kind."""
    match one:
        case ModuleType():
            return f".. automodule:: {one.__name__}\n   :no-members:\n"
        case type() if issubclass(one, BaseException):
            return f".. autoexception:: {module}.{name}\n   :show-inheritance:\n"
        case type():
            foreign = ", ".join(base.__name__ for base in one.__mro__ if not base.__module__.startswith("django_mcp"))
            return f".. autoclass:: {module}.{name}\n   :inherited-members: {foreign}\n"
        case _ if inspect.isroutine(one):
            return f".. autofunction:: {module}.{name}\n"
        case _ if inspect.isroutine(function := getattr(one, "func", None)):
            # A task of Django's: the docstring is that of its function.
            return f".. py:data:: {module}.{name}\n\n{indented(function.__doc__ or '')}\n"
    return f".. autodata:: {module}.{name}\n   :no-value:\n"


# Settings


def settings_page() -> str:
    """Each setting with its type, its default, and the docstring below it."""
    source = (PACKAGE / "conf.py").read_text(encoding="utf-8")
    (cls,) = [node for node in ast.parse(source).body if isinstance(node, ast.ClassDef) and node.name == "Settings"]
    parts = [title("Settings"), "Every setting is optional. :doc:`../settings` has them by their subject.\n"]
    for setting, below in zip(cls.body, cls.body[1:], strict=False):
        match setting, below:
            case (
                ast.AnnAssign(target=ast.Name(id=name), annotation=kind, value=ast.expr() as default),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                head = f".. py:data:: MCP_{name}\n   :type: {ast.unparse(kind)}\n   :value: {ast.unparse(default)}\n"
                parts.append(f"{head}\n{indented(with_prefix(text))}\n")
    return "\n".join(parts)


def with_prefix(text: str) -> str:
    """A setting's docstring, in which the settings have the names that a project writes."""
    known = "|".join(sorted(vars(django_mcp.conf.Settings), key=len, reverse=True))
    return re.sub(rf"(?<![\w`.])((?:{known})\b)(?<!__)", r"`MCP_\1`", text)


# System checks


def checks_page() -> str:
    """Each id that a system check may report, with its message."""
    parts = [title("System checks"), "``manage.py check`` runs them. None of them queries a database.\n"]
    found = [check for path in sorted(PACKAGE.rglob("*.py")) for check in checks_of(path)]
    shown = {number for _, ids in found for number in ids}
    if missing := sorted({*ids_in_the_package()} - shown):
        raise ExtensionError(f"No function of the package reports {', '.join(missing)}.")
    for function, ids in found:
        about = inspect.cleandoc(ast.get_docstring(function) or "")
        is_deploy = any("deploy=True" in ast.unparse(one) for one in function.decorator_list)
        deploy = " Only with ``--deploy``." if is_deploy else ""
        for number, message in ids.items():
            head = f"``django_mcp.{number}`` ({LEVELS[number[0]]})"
            parts.append(f"{head}\n{indented(f'{message}{about}{deploy}')}\n")
    return "\n".join(parts)


def ids_in_the_package() -> Iterator[str]:
    """The ids in the source, whoever reports them."""
    for path in PACKAGE.rglob("*.py"):
        yield from re.findall(r"[\"']django_mcp\.([CEWI]\d{3})[\"']", path.read_text(encoding="utf-8"))


def checks_of(path: Path) -> Iterator[tuple[ast.FunctionDef, dict[str, str]]]:
    """The checks of a module, each with the ids that it or its helpers report, and their messages."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    others = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node not in functions.values()]
    shown: set[str] = set()
    # Registered functions first: a helper's ids are told with the check that calls it. Methods are called by a check.
    for function in [*sorted(functions.values(), key=is_unregistered), *others]:
        ids = dict(sorted(ids_of(function, functions, set())))
        if new := {number: message for number, message in ids.items() if number not in shown}:
            yield function, new
        shown.update(ids)


def is_unregistered(function: ast.FunctionDef) -> bool:
    return not any(ast.unparse(one).startswith("register(") for one in function.decorator_list)


def ids_of(
    function: ast.FunctionDef, functions: dict[str, ast.FunctionDef], seen: set[str]
) -> Iterator[tuple[str, str]]:
    seen.add(function.name)
    assigned = {ast.unparse(one.targets[0]): one.value for one in ast.walk(function) if isinstance(one, ast.Assign)}
    for node in ast.walk(function):
        if isinstance(node, ast.Call):
            texts = [*node.args, *(keyword.value for keyword in node.keywords if keyword.arg == "id")]
            for text in texts:
                if isinstance(text, ast.Constant) and (number := CHECK_ID.match(str(text.value))):
                    first = node.args[0]
                    yield number[1], message_of(assigned.get(ast.unparse(first), first))
        if isinstance(node, ast.Name) and node.id in functions and node.id not in seen:
            yield from ids_of(functions[node.id], functions, seen)


def message_of(argument: ast.expr) -> str:
    """The message of a check as a literal line, with an ellipsis for each part that only the project knows."""
    match argument:
        case ast.Constant(value=str(text)):
            return f"``{text}``\n\n"
        case ast.JoinedStr(values=values):
            return f"``{''.join(str(one.value) if isinstance(one, ast.Constant) else '…' for one in values)}``\n\n"
    return ""


# Commands


def commands_page() -> str:
    """Each management command with its own arguments, as `--help` explains them."""
    parts = [title("Commands"), ":doc:`../commands` says when to use which.\n"]
    for path in sorted(PACKAGE.rglob("management/commands/*.py"), key=lambda path: path.stem):
        if path.stem != "__init__":
            module = import_module(".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts))
            parser = module.Command(no_color=True).create_parser("manage.py", path.stem)
            parts += [title(f"``{path.stem}``", "-"), f"{parser.description or ''}\n", *arguments_of(parser)]
    return "\n".join(parts)


def arguments_of(parser: ArgumentParser) -> Iterator[str]:
    """The arguments of a parser and of its subcommands, as a definition list."""
    for action in parser._actions:
        if isinstance(action, _SubParsersAction):
            about = {choice.dest: choice.help for choice in action._choices_actions}
            for name, inner in action.choices.items():
                lines = "\n".join(arguments_of(inner))
                yield f"``{name}``\n{indented(about.get(name) or '…')}\n\n{indented(lines)}\n"
        elif action.dest not in EVERY_COMMANDS:
            name = f"``{', '.join(action.option_strings) or action.dest}``"
            yield f"{name}\n{indented(parser._get_formatter()._expand_help(action) if action.help else '…')}\n"


# Django's own options come with each command.
EVERY_COMMANDS = {
    *("help", "version", "verbosity", "settings", "pythonpath", "traceback", "no_color", "force_color", "skip_checks")
}


def title(text: str, line: str = "=") -> str:
    return f"{text}\n{line * len(text)}\n"


def indented(text: str) -> str:
    return "\n".join(f"   {line}".rstrip() for line in inspect.cleandoc(text).splitlines())


# Sphinx


class Name(SphinxRole):
    """A text in backquotes: a link where it is a name of the reference, and code in any case."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        if not re.fullmatch(r"(?!None|True|False)[A-Za-z_][\w.]*(\(\))?", self.text):
            return [nodes.literal(self.rawtext, self.text)], []
        name = self.text.removesuffix("()")
        target = f"{self.text} <{self.config.mcp_full_names.get(name, name)}>"
        return XRefRole()("py:obj", self.rawtext, target, self.lineno, self.inliner, self.options, self.content)


def set_up_django() -> None:
    """Configures a project that has every app of the package."""
    if settings.configured:
        return
    apps = [one.name for one in pkgutil.iter_modules(contrib.__path__) if is_app(Path(contrib.__path__[0]) / one.name)]
    names = ("admin", "auth", "contenttypes", "messages", "sessions")
    settings.configure(
        INSTALLED_APPS=[
            *(f"django.contrib.{name}" for name in names),
            "oauth2_provider",
            "django_mcp",
            *(f"django_mcp.contrib.{name}" for name in apps),
        ],
        OAUTH2_PROVIDER={},
        SECRET_KEY="docs",
        USE_TZ=True,
    )
    django.setup()


def is_app(folder: Path) -> bool:
    return (folder / "apps.py").exists()


def write_pages(app: Sphinx) -> None:
    set_up_django()
    folder = Path(app.srcdir) / "reference"
    folder.mkdir(exist_ok=True)
    modules = modules_of((Path(app.srcdir) / "api.md").read_text(encoding="utf-8"))
    app.config.mcp_full_names = full_names(modules)
    written = {f"{module}.rst": module_page(module, names) for module, names in modules.items()}
    written |= {"settings.rst": settings_page(), "checks.rst": checks_page(), "commands.rst": commands_page()}
    for name, text in written.items():
        write_if_changed(folder / name, text)
    for path in folder.glob("*.rst"):
        if path.name not in written:
            path.unlink()


def skip(app: Sphinx, kind: str, name: str, one: Any, is_skipped: bool, options: Any) -> bool | None:
    """Leaves out the names that Django adds to each model."""
    return True if name in MODEL_NOISE else None


def resolve_by_its_documented_name(app: Sphinx, env: Any, node: Any, content: Any) -> Any:
    """The link to a name of Django's that Django documents elsewhere than where its source has it."""
    node["reftarget"] = ELSEWHERE.get(node.get("reftarget"), node.get("reftarget"))
    return intersphinx.missing_reference(app, env, node, content)


ELSEWHERE = {
    "AbstractBaseUser": "django.contrib.auth.models.AbstractBaseUser",
    "AnonymousUser": "django.contrib.auth.models.AnonymousUser",
    "HttpRequest": "django.http.HttpRequest",
    "ImproperlyConfigured": "django.core.exceptions.ImproperlyConfigured",
    "ModelAdmin": "django.contrib.admin.ModelAdmin",
    "django.contrib.auth.base_user.AbstractBaseUser": "django.contrib.auth.models.AbstractBaseUser",
    "django.db.models.base.Model": "django.db.models.Model",
    "django.http.request.HttpRequest": "django.http.HttpRequest",
    "django.http.response.HttpResponse": "django.http.HttpResponse",
}


def setup(app: Sphinx) -> ExtensionMetadata:
    app.add_config_value("mcp_full_names", {}, "")
    app.add_role("name", Name())
    app.connect("builder-inited", write_pages)
    app.connect("autodoc-skip-member", skip)
    app.connect("missing-reference", resolve_by_its_documented_name)
    return {"parallel_read_safe": True}
