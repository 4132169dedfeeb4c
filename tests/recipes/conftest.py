"""docs/recipes.md with the packages that it is about; `nox -s recipes` installs these."""

import sys
import types

import pytest
from celery import Celery
from django.core.cache import cache
from django.urls import clear_url_caches
from moto import mock_aws

import django_mcp
from django_mcp import MCPServer
from tests.test_docs import ROOT, blocks_of

PAGE = ROOT / "docs" / "recipes.md"


def pytest_collection_modifyitems(items):
    for item in items:
        item.add_marker(pytest.mark.recipes)


@pytest.fixture(scope="session")
def documented():
    """A module of the airports app that has run the page's code, once: tasks are registered for good."""
    module = types.ModuleType("testproject.airports.documented")
    module.__package__ = "testproject.airports"
    fresh = MCPServer("recipes", version="1.0")
    Celery("recipes", task_always_eager=True).set_default()
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        patch.setitem(sys.modules, module.__name__, module)
        patch.setattr(django_mcp, "default_server", fresh)
        for decorator in ("tool", "toolset", "resource", "prompt"):
            patch.setattr(django_mcp, decorator, getattr(fresh, decorator))
        for block in blocks_of(PAGE):
            if block.info == "python":
                exec(compile("\n" * (block.line - 1) + block.code, str(PAGE), "exec"), vars(module))
        yield module


@pytest.fixture
def page(db, settings, documented):
    """The module; its URLs are the project's."""
    # A code of a second factor is good for one use.
    cache.clear()
    settings.ROOT_URLCONF = documented.__name__
    yield documented
    clear_url_caches()
