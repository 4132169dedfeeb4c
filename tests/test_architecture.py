"""The shape of the package, kept by the tests: who may import whom, and that every module has its tests."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

from importlinter import cli

import django_mcp
from django_mcp import extensions
from tests.tables import cases

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "django_mcp"
TESTS = ROOT / "tests"

WITHOUT_TESTS = {
    "exceptions.py": "declares; what raises them is tested",
    "methods/request.py": "declares; every journey uses it",
    "methods/declared.py": "in test_extensions.py, with the methods that ask",
    "primitives/extension.py": "declares; test_extensions.py uses all of it",
    "methods/effects.py": "declares; the exchange carries them out",
    "methods/table.py": "declares; every journey uses it",
    "methods/answering.py": "in test_server.py, beside the server that it answers for",
    "endpoint/posts.py": "in test_views.py and wsgi/test_handler.py, which post",
    "asgi/stream.py": "in asgi/test_streams.py, with the streams that are of it",
    "asgi/standalone.py": "in asgi/test_streams.py",
    "asgi/replay.py": "in asgi/test_streams.py",
    "asgi/listen.py": "in asgi/test_streams.py",
    "management/addresses.py": "in management/test_mcp_config.py and test_mcp_inspector.py",
    "management/answers.py": "in management/test_mcp_call.py",
    "management/doctor/authorization.py": "in live/test_doctor.py, against a real server",
    "management/doctor/deployed.py": "in live/test_doctor.py, against a real server",
    "management/doctor/findings.py": "declares",
    "management/endpoints.py": "in management/test_mcp_call.py and stdio/test_endpoint.py",
    "management/helpful.py": "in test_transcripts.py",
    "management/commands/mcp_stdio.py": "in live/test_stdio.py and test_transcripts.py",
    "contrib/apps/apps.py": "declares",
    "contrib/apps/documents.py": "in test_extension.py and templatetags/test_mcp_apps.py, which render",
    "contrib/apps/inspection.py": "in test_checks.py, with the messages of it",
    "contrib/tasks/apps.py": "declares",
    "contrib/tasks/backends.py": "in test_checks.py, beside the check that warns of it",
    "contrib/tasks/jobs.py": "in test_checks.py, where a backend runs it",
    "contrib/tasks/models.py": "declares; its storage is tested",
    "contrib/tasks/queue.py": "in test_checks.py",
    "contrib/tasks/storage.py": "in test_worker.py and test_extension.py, which change rows",
    "contrib/tasks/wire.py": "in test_extension.py, where it is sent",
    "contrib/cards/apps.py": "declares",
    "contrib/cards/documents.py": "in test_views.py, where they are served, and management/test_mcp_card.py",
    "contrib/skills/guides/apps.py": "declares; its skills are tested",
    "contrib/skills/skill.py": "in test_folders.py, test_functions.py and test_extension.py, which make skills",
    "management/skill_draft.py": "in management/test_startmcp.py",
    "contrib/oauth/apps.py": "declares; its checks are tested",
    "contrib/tokens/apps.py": "declares",
    "contrib/operations/apps.py": "declares",
    "contrib/operations/admin/reports.py": "in contrib/operations/test_reports.py, with the tool that writes them",
    "contrib/operations/rarely.py": "in contrib/operations/test_board.py, with the log lines that are rare",
    "contrib/audit/apps.py": "declares",
    "contrib/audit/models.py": "declares; in contrib/audit/test_rows.py",
    "contrib/audit/signals.py": "declares; in contrib/audit/test_writer.py",
    "contrib/oauth/urls.py": "declares; its views are tested",
}
"""Modules with no test module of their own, and why."""


def test_the_import_contracts_hold(capsys, monkeypatch):
    """They are in pyproject.toml. The output names the import that breaks one."""
    # It would silence every logger that there is already.
    monkeypatch.setattr(cli, "_configure_logging", lambda verbose: None)
    code = cli.lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True)

    output = capsys.readouterr().out
    assert code == 0, output
    assert " 0 broken" in output


def test_every_module_has_its_test_module():
    modules = {path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py") if path.name != "__init__.py"}

    without = {
        module.as_posix() for module in modules if "migrations" not in module.parts and not own_tests(module).exists()
    }

    assert sorted(without - WITHOUT_TESTS.keys()) == []


SURFACE = {
    "django_mcp",
    "django_mcp.admin",
    "django_mcp.asgi.stream",
    "django_mcp.authentication",
    "django_mcp.bus.bell",
    "django_mcp.conf",
    "django_mcp.drf",
    "django_mcp.endpoint.protected_resource",
    "django_mcp.endpoint.routes",
    "django_mcp.exceptions",
    "django_mcp.extensions",
    "django_mcp.execution.loops",
    "django_mcp.execution.threads",
    "django_mcp.gates",
    "django_mcp.health",
    "django_mcp.management.helpful",
    "django_mcp.management.users",
    "django_mcp.models",
    "django_mcp.observers",
    "django_mcp.page.people",
    "django_mcp.primitives",
    "django_mcp.protocol",
    "django_mcp.signals",
    "django_mcp.storage.purge",
}
"""The packages and modules that extras may import. Nothing else of the package is for them."""


def test_extras_stand_on_the_named_surface_and_nothing_else():
    """Relative imports stay within an extra: ruff bans those of a parent."""
    found = {
        f"{path.relative_to(ROOT)}: {node.module}"
        for path in (PACKAGE / "contrib").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and not node.level and (node.module or "").startswith("django_mcp")
        if not is_surface(node)
    }

    assert not found


def is_surface(node: ast.ImportFrom) -> bool:
    if (node.module or "").startswith("django_mcp.contrib"):
        return True
    names = [f"{node.module}.{alias.name}" for alias in node.names]
    return all(
        node.module in SURFACE or any(name == one or name.startswith(f"{one}.") for one in SURFACE - {"django_mcp"})
        for name in names
    )


def test_the_extensions_import_what_their_page_offers():
    offered = {"django_mcp": set(django_mcp.__all__), "django_mcp.extensions": set(extensions.__all__)}
    helpers = (ROOT / "docs" / "extensions.md").read_text().partition("### Helpers")[2]
    for module, names in re.findall(r"^\| `(django_mcp[\w.]*)` \| (.*) \|$", helpers, re.MULTILINE):
        offered[module] = set(re.findall(r"`(\w+)`", names))
    trees = {
        path.relative_to(ROOT): ast.parse(path.read_text())
        for name in ("apps", "cards", "skills", "tasks")
        for path in (PACKAGE / "contrib" / name).rglob("*.py")
    }
    others = {
        f"{path}: {module}.{name}"
        for path, tree in trees.items()
        for module, name in used_from_the_package(tree)
        if not module.startswith("django_mcp.contrib") and name not in offered.get(module, ())
    }

    assert not others


def used_from_the_package(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """The modules and names that a module uses of the package; of a module that it imports whole, its attributes."""
    whole = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and not node.level and (node.module or "").split(".")[0] == "django_mcp":
            for alias in node.names:
                if (PACKAGE.parent / f"{node.module}.{alias.name}".replace(".", "/")).with_suffix(".py").exists():
                    whole[alias.name] = f"{node.module}.{alias.name}"
                else:
                    yield str(node.module), alias.name
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in whole:
            yield whole[node.value.id], node.attr


def own_tests(module: Path) -> Path:
    folder = module.parent.parent if module.parent.name == "commands" else module.parent
    return TESTS / folder / f"test_{module.name}"


def imports(path: Path) -> Iterator[str]:
    """The modules that a module imports anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@cases(
    ("layer", "foreign"),
    [
        ("protocol", ("django.", "rest_framework", "channels", "asgiref", "asyncio")),
        ("primitives", ("django.db", "django.http", "rest_framework", "channels")),
        ("methods", ("django.db", "rest_framework", "channels")),
    ],
)
def test_a_layer_without_io_imports_nothing_that_does_some(layer, foreign):
    """Beside the contracts, which see what comes through other modules: this one says it of each module's own lines."""
    found = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in (PACKAGE / layer).rglob("*.py")
        for name in imports(path)
        if name.startswith(foreign) and not is_for_types(path, name)
    }

    assert not found


def is_for_types(path: Path, name: str) -> bool:
    """Whether a module imports a name only where a type checker looks."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            return any(
                name == f"{inner.module}.{alias.name}"
                for inner in node.body
                if isinstance(inner, ast.ImportFrom)
                for alias in inner.names
            )
    return False


def test_lockfiles_hold_hashes_and_no_address_of_a_registry():
    """The address of whoever wrote them would be asked by everybody else."""
    lockfiles = [*(ROOT / ".ci").rglob("package-lock.json"), *TESTS.glob("*/package-lock.json")]

    assert len(lockfiles) == 5
    for lockfile in lockfiles:
        packages = json.loads(lockfile.read_text())["packages"]
        assert all("integrity" in package and "resolved" not in package for name, package in packages.items() if name)
