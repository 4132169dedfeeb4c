"""The health view: 200 or 503, cheap, and without secrets."""

import asyncio
import threading
from datetime import UTC, datetime, timedelta

import pytest
from channels.layers import BaseChannelLayer
from django.db import OperationalError
from django.test import Client
from django.urls import path

from django_mcp import health
from django_mcp.storage import upkeep
from django_mcp.urls import health as view

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)

pytestmark = pytest.mark.django_db


class Spanning(BaseChannelLayer):
    """A layer that could span processes."""

    async def group_send(self, group, message):
        self.require_valid_group_name(group)


class Lost(Spanning):
    async def group_send(self, group, message):
        raise ConnectionError("redis://:secret@10.0.0.1 refused")


class Hanging(Spanning):
    async def group_send(self, group, message):
        await asyncio.Event().wait()


@pytest.fixture(autouse=True)
def mounted(settings, monkeypatch):
    settings.ROOT_URLCONF = type("urls", (), {"urlpatterns": [path("healthz", view)]})
    settings.CHANNEL_LAYERS = {}
    settings.MCP_HEALTH_TIMEOUT_SECONDS = 30
    monkeypatch.setattr(health, "_watch", health._Watch())


@pytest.fixture
def clock(time_machine):
    time_machine.move_to(NOW, tick=False)
    return time_machine


def layer(settings, name):
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": f"{__name__}.{name}"}}


def ask(method="get"):
    response = getattr(Client(), method)("/healthz")
    return response.status_code, response.json() if response.content else None


def lose_database(monkeypatch):
    def fail(*jobs):
        raise OperationalError('connection to "10.0.0.1" as "admin" failed: password=secret')

    monkeypatch.setattr(health, "last_run", fail)


def test_a_deployment_that_was_purged_is_well(clock, settings):
    layer(settings, "Spanning")
    upkeep.note("purge", NOW - timedelta(hours=5))

    found = {"status": "ok", "database": "ok", "layer": "ok", "purge": "ok", "purge_age_seconds": 18_000}
    assert ask() == (200, found)
    assert ask("head") == (200, None)
    assert Client().get("/healthz").headers["Cache-Control"].startswith("max-age=0, no-cache, no-store")
    assert Client().post("/healthz").status_code == 405


def test_what_is_no_reason_to_take_a_process_away_is_said_beside_200(clock, settings):
    layer(settings, "Lost")
    upkeep.note("purge", NOW - timedelta(days=2, seconds=1))

    found = {"status": "degraded", "database": "ok", "layer": "down", "purge": "late", "purge_age_seconds": 172_801}
    assert ask() == (200, found)


def test_the_project_says_which_parts_it_cannot_be_without(clock, settings):
    found = {"status": "down", "database": "ok", "layer": "none", "purge": "never", "purge_age_seconds": None}

    settings.MCP_HEALTH_REQUIRES = ["database", "layer"]
    assert ask() == (200, found | {"status": "degraded"})
    settings.MCP_HEALTH_REQUIRES = ["purge"]
    assert ask() == (503, found)
    layer(settings, "Hanging")
    # Half of it is the layer's, and the other half is for the database.
    settings.MCP_HEALTH_TIMEOUT_SECONDS = 2
    settings.MCP_HEALTH_REQUIRES = ["layer"]
    assert ask() == (503, found | {"layer": "down"})


def test_without_its_database_it_is_503_and_the_reason_stays_in_the_log(monkeypatch, settings, caplog):
    lose_database(monkeypatch)
    layer(settings, "Lost")

    found = {"status": "down", "database": "down", "layer": "down", "purge": "unknown", "purge_age_seconds": None}
    assert ask() == (503, found)
    assert [record.message.split(":")[1] for record in caplog.records if record.name == "django_mcp"] == [
        " the channel layer failed",
        " the database failed",
    ]


@pytest.mark.django_db(transaction=True)
def test_a_flood_is_one_look_in_a_second(monkeypatch):
    looks = []
    monkeypatch.setattr(health, "_look", lambda: looks.append(1) or health.Health("ok", "none", "ok", 1))
    monkeypatch.setattr(health, "FRESH_SECONDS", 1000)
    threads = [threading.Thread(target=ask) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (ask()[0], len(looks)) == (200, 1)
    monkeypatch.setattr(health, "FRESH_SECONDS", 0)
    assert (ask()[0], len(looks)) == (200, 2)


@pytest.mark.django_db(transaction=True)
def test_a_database_that_hangs_holds_one_thread_and_each_answer_comes_in_time(monkeypatch, settings):
    settings.MCP_HEALTH_TIMEOUT_SECONDS = 0.05
    answers, begun = threading.Event(), []

    def hang():
        begun.append(1)
        assert answers.wait(30)
        return health.Health("ok", "none", "ok", 1)

    monkeypatch.setattr(health, "_look", hang)
    monkeypatch.setattr(health, "FRESH_SECONDS", 1000)

    assert [ask()[0] for _ in range(3)] == [503, 503, 503]
    assert len(begun) == 1
    answers.set()
    for thread in threading.enumerate():
        if thread.name == "django_mcp-health":
            thread.join(30)
    assert (ask()[0], len(begun)) == (200, 1)


@pytest.mark.django_db(transaction=True)
def test_a_look_that_breaks_is_an_answer_too_and_the_next_look_is_a_new_one(monkeypatch):
    monkeypatch.setattr(threading, "excepthook", lambda failure: None)
    monkeypatch.setattr(health, "_look", lambda: 1 / 0)
    assert ask()[0] == 503

    monkeypatch.setattr(health, "FRESH_SECONDS", 0)
    monkeypatch.setattr(health, "_look", lambda: health.Health("ok", "none", "ok", 1))
    assert ask()[0] == 200


async def test_it_is_served_under_asgi_too(clock, async_client):
    response = await async_client.get("/healthz")

    assert (response.status_code, response.json()["database"]) == (200, "ok")
