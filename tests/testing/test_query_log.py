"""Queries are counted in the thread that sends them, and those of this package are left out."""

import pytest
from django.contrib.auth.models import Group
from django.test import TestCase

from django_mcp.testing import AsyncMCPClient

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.urls")]


@pytest.mark.every_combination
def test_the_queries_of_a_call_are_those_of_the_project_in_each_lane_and_era(connect):
    Group.objects.create(name="mine")
    client = connect("/plain")

    for _ in range(2):
        client.call_tool("find_groups", {"name": "mine"}).ok().queries(1)
    client.call_tool("greet_async", {"name": "Ada"}).queries(0)


class InACoroutine(TestCase):
    async def test_queries_are_counted_too(self):
        for lane in ("view", "asgi"):
            result = await AsyncMCPClient("/plain", lane=lane).call_tool("find_groups", {"name": "mine"})
            result.ok().queries(1)
