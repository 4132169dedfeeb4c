"""Browsers, at the endpoints of either carrier."""

from typing import Any

import pytest

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
