"""The templates of the apps, in memory."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
from django.test import override_settings

from django_mcp.testing import MCPClient
from tests.contrib.apps.serving import TEMPLATES


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
