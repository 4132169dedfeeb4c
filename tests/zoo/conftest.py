"""The zoo has a project for each settings module beside this file; `nox -s zoo` runs them one after the other."""

import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command

_APPS_OF_OURS = ("kinds", "ranges", "pages", "tenants")


def pytest_collection_modifyitems(items):
    for item in items:
        item.add_marker(pytest.mark.zoo)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(tmp_path_factory, django_db_blocker):
    """The migrations of the zoo's own apps are made from its models: tables of other apps are there before theirs."""
    folder = tmp_path_factory.mktemp("migrations")
    with django_db_blocker.unblock():
        make_migrations(folder)


def make_migrations(folder: Path) -> None:
    own = [app for app in _APPS_OF_OURS if app in settings.MIGRATION_MODULES]
    package = folder / "zoo_migrations"
    for app in own:
        (package / app).mkdir(parents=True)
        (package / app / "__init__.py").touch()
        (package / "__init__.py").touch()
    sys.path.insert(0, str(folder))
    installed = [app for app in own if f"tests.zoo.{app}" in settings.INSTALLED_APPS]
    if installed:
        call_command("makemigrations", *installed, verbosity=0)


_counted = {}


@pytest.fixture(scope="session")
def report():
    """Counts, for each model, what worked."""

    def counts_of(served):
        counted = {"read": False, "written": [], "kept": [], "created": False, "deleted": False, "said": []}
        return _counted.setdefault(str(served), counted)

    return counts_of


def pytest_terminal_summary(terminalreporter):
    for name, counted in _counted.items():
        done = [word for word in ("read", "created", "deleted") if counted[word]]
        line = f"{name}: {', '.join(done)}; {len(counted['written'])} fields written, kept {counted['kept']}"
        terminalreporter.write_line(line)
        if terminalreporter.config.option.verbose > 0:
            for said in counted["said"]:
                terminalreporter.write_line(f"    {said}")
