"""The mixin for Django's TestCase."""

import unittest

import pytest
from django.contrib.auth.models import Group
from django.test import TestCase, override_settings

from django_mcp.models import Session
from django_mcp.testing import MCPError, MCPTestMixin

pytestmark = pytest.mark.django_db

runs = []


@override_settings(ROOT_URLCONF="tests.urls")
class InEach(MCPTestMixin, TestCase):
    mcp_path = "/plain"
    mcp_eras = "all"
    mcp_lanes = "all"

    def setUp(self):
        Group.objects.create(name="mine")

    def test_what_another_run_wrote_is_undone(self):
        client = self.mcp()
        runs.append((client.era, client._lane))
        client.call_tool("save_group", {"name": "red"}).ok()
        assert sorted(Group.objects.values_list("name", flat=True)) == ["mine", "red"]

    async def test_a_coroutine(self):
        (await self.async_mcp().call_tool("find_groups", {"name": "mine"})).ok().structured(["mine"])

    def test_arguments_win(self):
        client = self.mcp("/closed", era="modern")
        assert (client.path, client.era) == ("/closed", "modern")


@override_settings(ROOT_URLCONF="tests.urls")
class InOne(MCPTestMixin, TestCase):
    mcp_path = "/plain"
    mcp_eras = "handshake"

    def test_a_session_expires_when_it_is_told_to(self):
        client = self.mcp()
        with self.assertRaisesMessage(AssertionError, "This client has no session"):
            client.expire_session()
        client.list_tools()

        client.expire_session()

        with pytest.raises(MCPError) as refused:
            client.list_tools()
        assert refused.value.status == 404
        client.initialize()
        client.list_tools()
        assert (Session.objects.active().count(), Session.objects.expired().count()) == (1, 1)

    async def test_a_session_of_a_coroutine_expires_too(self):
        client = self.async_mcp(lane="asgi")
        await client.list_tools()
        await client.expire_session()
        with pytest.raises(MCPError):
            await client.list_tools()


def test_a_test_runs_once_in_each_carrier():
    runs.clear()
    result = unittest.TestResult()

    unittest.TestSuite([InEach("test_what_another_run_wrote_is_undone")]).run(result)

    assert (result.testsRun, result.failures, result.errors) == (6, [], [])
    assert runs == [(era, lane) for era in ("handshake", "modern") for lane in ("view", "asgi", "wsgi")]


def test_a_failure_names_its_carrier():
    class Failing(MCPTestMixin, unittest.TestCase):
        mcp_lanes = "all"

        def test_it(self):
            self.fail("wrong")

    result = unittest.TestResult()
    Failing("test_it")(result)

    assert [text.splitlines()[-1] for _, text in result.failures] == [
        "The era and the lane: modern, view",
        "The era and the lane: modern, asgi",
        "The era and the lane: modern, wsgi",
    ]
