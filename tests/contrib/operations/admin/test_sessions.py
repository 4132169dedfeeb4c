"""The operators' page of sessions: each action and the payload have a permission of their own."""

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse

from django_mcp.models import Event, Session, Subscription
from tests.asgi.connections import open_session

pytestmark = pytest.mark.django_db

LIST = "admin:django_mcp_session_changelist"
ACTIONS = {
    "terminate_session": "terminate_selected",
    "close_session_streams": "close_streams_of_selected",
    "message_session": "message_selected",
}


@pytest.fixture
def session():
    opened = open_session()
    Session.objects.filter(pk=opened.pk).update(state={"cart": ["OSL"]}, client_capabilities={"elicitation": {}})
    return Session.objects.get()


@pytest.mark.parametrize("permission", ACTIONS)
def test_each_action_needs_its_own_permission(staff_client, session, permission):
    client = staff_client("view_session", permission)
    actions = client.get(reverse(LIST)).context["action_form"].fields["action"].choices

    assert {name for name, _ in actions if name} == {ACTIONS[permission]}


@pytest.mark.parametrize("may", [True, False])
def test_the_state_is_shown_with_a_permission_of_its_own(staff_client, session, may):
    client = staff_client("view_session", *(["view_session_payload"] if may else []))
    content = client.get(reverse("admin:django_mcp_session_change", args=[session.pk])).content.decode()

    assert "user:1" in content
    assert ("OSL" in content, "elicitation" in content) == (may, may)


def test_the_permissions_imply_no_sight_of_sessions(staff_client, session):
    client = staff_client("view_session_payload", *ACTIONS)
    assert client.get(reverse(LIST)).status_code == 403


def test_a_page_shows_what_a_session_does_now(admin_client, session):
    Subscription.objects.create(session=session, uri="note://motto", uri_key="k")
    content = admin_client.get(reverse("admin:django_mcp_session_change", args=[session.pk])).content.decode()

    for shown in ("note://motto", "Streams", "Waiting", "Last call"):
        assert shown in content


def act(client, session, action, **data):
    return client.post(reverse(LIST), {"action": action, "_selected_action": [session.pk], **data}, follow=True)


def test_a_message_is_asked_for_and_sent(admin_client, session, django_capture_on_commit_callbacks):
    asked = act(admin_client, session, "message_selected").content.decode()
    assert f'name="_selected_action" value="{session.pk}"' in asked
    assert not Event.objects.exists()
    assert "This field is required." in act(admin_client, session, "message_selected", text=" ").content.decode()
    with django_capture_on_commit_callbacks(execute=True):
        said = act(admin_client, session, "message_selected", text="We stop at noon.").content.decode()

    assert "1 message is sent." in said
    assert "We stop at noon." in Event.objects.get().message
    assert LogEntry.objects.get().change_message == "Sent a message: We stop at noon."


def test_closing_says_how_many_streams_there_were(admin_client, session):
    assert "0 streams are closed." in act(admin_client, session, "close_streams_of_selected").content.decode()
