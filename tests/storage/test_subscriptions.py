"""The resources that a session has subscribed to."""

from datetime import UTC, datetime

import pytest

from django_mcp.exceptions import TooManySubscriptions
from django_mcp.models import Subscription
from django_mcp.storage import subscriptions
from tests.storage.rows import open_session

pytestmark = pytest.mark.django_db


NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


OWNER = {"server": "airports", "principal": "user:1"}


URI = "airport://AMS"


@pytest.fixture(autouse=True)
def clock(time_machine):
    time_machine.move_to(NOW, tick=False)
    return time_machine


def test_subscribing_and_unsubscribing_twice_is_as_good_as_once(session):
    for _ in range(2):
        subscriptions.subscribe(session, URI)
    assert list(Subscription.objects.values_list("session", "uri")) == [(session, URI)]

    for _ in range(2):
        subscriptions.unsubscribe(session, URI)
    assert not Subscription.objects.exists()


def test_unsubscribing_ends_that_one_subscription(session):
    other = open_session().pk
    for pk, uri in ((session, URI), (session, "airport://ams"), (other, URI)):
        subscriptions.subscribe(pk, uri)

    subscriptions.unsubscribe(session, URI)

    assert sorted(Subscription.objects.values_list("session", "uri")) == [(session, "airport://ams"), (other, URI)]


@pytest.mark.parametrize(
    "uri", [pytest.param("airport://" + "x" * 100_000, id="long"), "airport://é🛫", "airport://a\u0000b"]
)
def test_any_uri_can_be_subscribed_to(session, uri):
    subscriptions.subscribe(session, uri)
    subscriptions.unsubscribe(session, uri)

    assert not Subscription.objects.exists()


def test_a_session_has_a_limit_of_subscriptions(session, settings):
    settings.MCP_MAX_SUBSCRIPTIONS_PER_SESSION = 2
    for uri in ("note://1", "note://2", "note://1"):
        subscriptions.subscribe(session, uri)

    with pytest.raises(
        TooManySubscriptions, match="has subscribed to 2 resources, the most that it may: end one first"
    ):
        subscriptions.subscribe(session, "note://3")

    subscriptions.subscribe(open_session().pk, "note://3")
    subscriptions.unsubscribe(session, "note://1")
    subscriptions.subscribe(session, "note://3")


def test_a_long_uri_is_kept_short(session):
    subscriptions.subscribe(session, "airport://" + "x" * 100_000)

    assert len(Subscription.objects.get().uri) == 1000
