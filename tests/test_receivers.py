"""From "something changed" to what is stored and rung for: when the transaction commits, and only then."""

import logging

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.db import transaction
from django.db.models.signals import post_delete, post_save

from django_mcp import MCPServer, receivers
from django_mcp.bus import bell
from django_mcp.models import EVERYBODY, Change, Event, Session
from django_mcp.signals import credential_ended
from django_mcp.storage import changes, events, sessions
from tests.tables import cases

OWNER = {"server": "test", "principal": "user:1"}
TOOLS_CHANGED = "notifications/tools/list_changed"
UPDATED = "notifications/resources/updated"


@pytest.fixture(autouse=True)
def rung(monkeypatch):
    """The groups that were rung for, in order."""
    groups = []
    monkeypatch.setattr(bell, "ring", groups.extend)
    return groups


@pytest.fixture
def server():
    return MCPServer("test")


@pytest.fixture
def watch(server):
    """server.watch(), for the time of a test."""
    watched = []

    def watch(model, uri):
        server.watch(model, uri)
        watched.append((model, uri))

    yield watch
    for model, uri in watched:
        for moment in (post_save, post_delete):
            moment.disconnect(sender=model, dispatch_uid=("django_mcp", "test", uri))


def open_session():
    opened = sessions.open(
        **OWNER,
        user=None,
        protocol_version="2025-11-25",
        client_info={"name": "test", "version": "1"},
        client_capabilities={},
    )
    return Session.objects.get(pk=opened.pk)


def recorded():
    rows = Change.objects.order_by("pk")
    return list(rows.values_list("server", "sequence", "method", "uri", "principal"))


def updated_uris():
    return list(Change.objects.order_by("pk").values_list("uri", flat=True))


# When


@pytest.mark.django_db(transaction=True)
def test_a_change_is_published_on_commit_and_not_before(server, rung):
    with transaction.atomic():
        server.notify_tools_changed()
        assert (recorded(), rung) == ([], [])

    assert recorded() == [("test", 1, TOOLS_CHANGED, "", EVERYBODY)]
    assert rung == [bell.server_group("test")]


@pytest.mark.django_db(transaction=True)
def test_a_change_outside_a_transaction_is_published_at_once(server, rung):
    server.notify_tools_changed()

    assert recorded() == [("test", 1, TOOLS_CHANGED, "", EVERYBODY)]
    assert rung == [bell.server_group("test")]


@pytest.mark.django_db(transaction=True)
def test_a_change_that_is_rolled_back_is_not_published(server, rung):
    session = open_session()
    with transaction.atomic():
        server.notify_tools_changed()
        session.send("notifications/message", {"level": "info", "data": "x"})
        transaction.set_rollback(True)

    assert (recorded(), Event.objects.count(), rung) == ([], 0, [])


@pytest.mark.django_db(transaction=True)
def test_only_the_part_that_is_rolled_back_is_not_published(server):
    with transaction.atomic():
        server.notify_tools_changed()
        with transaction.atomic():
            server.notify_prompts_changed()
            transaction.set_rollback(True)

    assert [method for _, _, method, _, _ in recorded()] == [TOOLS_CHANGED]


@pytest.mark.django_db(transaction=True)
def test_a_failure_to_publish_is_logged_and_does_not_fail_what_was_committed(server, monkeypatch, caplog):
    def fail(*args, **kwargs):
        raise RuntimeError("the table is full")

    monkeypatch.setattr(changes, "record_change", fail)
    with caplog.at_level(logging.ERROR), transaction.atomic():
        Group.objects.create(name="crew")
        server.notify_tools_changed()

    assert Group.objects.filter(name="crew").exists()
    assert "the table is full" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_a_message_for_a_session_that_is_gone_fails_nothing(rung, caplog):
    session = open_session()
    Session.objects.all().delete()

    session.send("notifications/message")

    assert (Event.objects.count(), rung) == (0, [])


# Messages that clients get


@pytest.mark.django_db
@cases("principal", [None, "user:1", ""])
@cases("kind", ["tools", "resources", "prompts"], undone=True)
def test_a_changed_list_is_told_to_everybody_or_to_one_principal(
    server, kind, principal, django_capture_on_commit_callbacks
):
    notify = getattr(server, f"notify_{kind}_changed")
    with django_capture_on_commit_callbacks(execute=True):
        notify(principal=principal)

    whose = EVERYBODY if principal is None else principal
    assert recorded() == [("test", 1, f"notifications/{kind}/list_changed", "", whose)]


@pytest.mark.django_db
def test_an_updated_resource_is_told_by_its_uri(server, rung, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        server.notify_resource_updated("news://1")

    assert recorded() == [("test", 1, UPDATED, "news://1", EVERYBODY)]
    assert rung == [bell.server_group("test")]


@pytest.mark.django_db
def test_changes_are_those_of_the_server_as_it_is_named_now(settings, django_capture_on_commit_callbacks):
    server = MCPServer()
    settings.MCP_SERVER_NAME = "renamed"
    with django_capture_on_commit_callbacks(execute=True):
        server.notify_tools_changed()

    assert recorded() == [("renamed", 1, TOOLS_CHANGED, "", EVERYBODY)]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"level": "info", "data": "é\u0000\ud800"}, '"params":{"level":"info","data":"\\u00e9\\u0000\\ud800"}'),
        (None, None),
        ({}, None),
    ],
)
def test_a_session_is_sent_a_notification(params, message, rung, django_capture_on_commit_callbacks):
    session, other = open_session(), open_session()
    with django_capture_on_commit_callbacks(execute=True):
        session.send("notifications/message", params)

    text = '{"jsonrpc":"2.0","method":"notifications/message"' + (f",{message}" if message else "") + "}"
    assert list(Event.objects.values_list("session", "stream", "sequence", "message", "is_last")) == [
        (session.pk, events.STANDALONE, 1, text, False)
    ]
    assert rung == [bell.session_group(session.pk)]
    assert other.pk != session.pk


@pytest.mark.django_db
def test_a_message_is_sent_as_it_was_when_it_was_sent(django_capture_on_commit_callbacks):
    params = {"data": 1}
    session = open_session()
    with django_capture_on_commit_callbacks(execute=True):
        session.send("notifications/message", params)
        params["data"] = 2

    assert Event.objects.get().message.endswith('"params":{"data":1}}')


@pytest.mark.django_db
def test_who_sends_what_is_not_json_is_told_so_at_once(django_capture_on_commit_callbacks):
    session = open_session()

    with django_capture_on_commit_callbacks() as callbacks, pytest.raises(TypeError):
        session.send("notifications/message", {"data": object()})

    assert callbacks == []


# Watching a model


@pytest.mark.django_db
def test_saving_and_deleting_a_watched_row_updates_its_resource(watch, django_capture_on_commit_callbacks):
    watch(Group, "group://{name}/{pk}")
    with django_capture_on_commit_callbacks(execute=True):
        crew = Group.objects.create(name="crew")
    assert updated_uris() == [f"group://crew/{crew.pk}"]

    uri = f"group://pilots/{crew.pk}"
    with django_capture_on_commit_callbacks(execute=True):
        crew.name = "pilots"
        crew.save()
        crew.delete()
    assert updated_uris()[1:] == [uri, uri]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("template", "uri"),
    [
        ("group://{name}", "group://a%2Fb%20%25%C3%A9%3F"),
        ("group://{+name}", "group://a/b%20%25%C3%A9?"),
        ("group://all", "group://all"),
    ],
)
def test_a_watched_rows_uri_is_one_that_its_template_matches(watch, template, uri, django_capture_on_commit_callbacks):
    """The template as it is written for `@resource`."""
    watch(Group, template)
    with django_capture_on_commit_callbacks(execute=True):
        Group.objects.create(name="a/b %é?")

    assert updated_uris() == [uri]


@pytest.mark.django_db
def test_watching_twice_is_as_good_as_once(watch, django_capture_on_commit_callbacks):
    for uri in ("group://{name}", "group://{name}", "group://all"):
        watch(Group, uri)
    with django_capture_on_commit_callbacks(execute=True):
        Group.objects.create(name="crew")

    assert updated_uris() == ["group://crew", "group://all"]


@pytest.mark.django_db(transaction=True)
def test_a_save_that_is_rolled_back_updates_nothing(watch, rung):
    watch(Group, "group://{name}")
    with transaction.atomic():
        Group.objects.create(name="crew")
        transaction.set_rollback(True)

    assert (recorded(), rung) == ([], [])


# The end of a session


@pytest.mark.django_db
def test_a_session_that_is_terminated_is_rung_for_once(rung):
    session = open_session()
    for _ in range(2):
        sessions.terminate(session.session_id, **OWNER)

    assert rung == [bell.session_group(session.pk), bell.calls_group(session.pk)]


@pytest.mark.django_db
def test_each_session_that_is_ended_together_is_rung_for(rung):
    opened = [open_session() for _ in range(3)]
    sessions.terminate_all(Session.objects.all())

    assert sorted(rung) == sorted(group(one.pk) for one in opened for group in (bell.session_group, bell.calls_group))


# Groups


@cases("name", ["airports", "", "Flughäfen 🛫", "x" * 200, "a/b c"])
def test_every_server_has_a_group_whose_name_a_channel_layer_takes(name):
    """Fewer than 100 ASCII letters, digits, hyphens, underscores and periods."""
    group = bell.server_group(name)

    assert len(group) < 100
    assert group.replace(".", "").isalnum()
    assert group.isascii()
    assert group != bell.server_group(name + "x")


@pytest.mark.django_db
def test_revoking_what_everybody_shares_ends_no_session(django_capture_on_commit_callbacks):
    for principal in ("", "user:1"):
        sessions.open(
            server="s",
            principal=principal,
            user=None,
            protocol_version="2025-11-25",
            client_info={},
            client_capabilities={},
        )
    for principal in ("", "user:1"):
        with django_capture_on_commit_callbacks(execute=True):
            credential_ended.send(Session, principal=principal)

    assert list(Session.objects.active().values_list("principal", flat=True)) == [""]


@pytest.mark.django_db
def test_where_nothing_asks_for_permissions_nobody_is_told(monkeypatch, django_assert_num_queries):
    monkeypatch.setattr(receivers, "guarded_servers", list)
    ada, permission = User.objects.create_user("ada"), Permission.objects.first()

    with django_assert_num_queries(0):
        receivers._user_changed(instance=ada, action="post_add", reverse=False, pk_set={permission.pk})
