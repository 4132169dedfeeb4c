"""The templates of the apps, in memory."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import override_settings

from django_mcp.server import _servers
from django_mcp.testing import MCPClient
from tests.contrib.apps.serving import TEMPLATES, server

# The checks of other tests do not see the servers of these, whose templates are here only.
_servers.discard(server)


@pytest.fixture(autouse=True)
def servers_of_its_own() -> Iterator[None]:
    before = set(_servers)
    yield
    for one in set(_servers) - before:
        _servers.discard(one)


@pytest.fixture(autouse=True)
def shop(settings: Any) -> dict[str, str]:
    """The templates by name; a test may change them before they are read."""
    templates = dict(TEMPLATES)
    engines = copy.deepcopy(settings.TEMPLATES)
    engines[0]["APP_DIRS"] = False
    engines[0]["OPTIONS"]["loaders"] = [
        ("django.template.loaders.locmem.Loader", templates),
        "django.template.loaders.app_directories.Loader",
    ]
    settings.TEMPLATES = engines
    return templates


@pytest.fixture
def urls() -> Any:
    with override_settings(ROOT_URLCONF="tests.contrib.apps.serving"):
        yield


@pytest.fixture
def client_of(urls: None) -> Callable[..., MCPClient]:
    return lambda user=None, **values: MCPClient("/shop", user=user, **values)
