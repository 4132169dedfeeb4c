"""Browsers, at the endpoints of either carrier."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.browser import Chromium
from tests.page.opened import Page
from tests.people import Browser


@pytest.fixture(params=["view", "lane"])
def browser(request: pytest.FixtureRequest) -> Browser:
    return Browser(request.param)


@pytest.fixture
def staff(django_user_model: Any) -> Any:
    return django_user_model.objects.create_user("staff", is_staff=True)


@pytest.fixture
def ada(django_user_model: Any) -> Any:
    return django_user_model.objects.create_user("ada")


@pytest.fixture
def driver(chromium: Chromium) -> Iterator[Any]:
    with chromium.window(1280, 900) as driver:
        yield driver


@pytest.fixture
def opened(live_server: Any, driver: Any, settings: Any) -> Callable[[str], Page]:
    settings.ROOT_URLCONF = "tests.page.urls"
    settings.DEBUG = True
    return lambda path: Page(driver, live_server.url + path)
