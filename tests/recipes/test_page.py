"""Each recipe of docs/recipes.md does as the page says."""

import json
import logging
import logging.config

import boto3
import pytest
import sentry_sdk
import structlog
from allauth.mfa.totp.internal import auth as totp
from django.contrib.auth.models import AnonymousUser, Group, Permission, User
from django.core.files.base import ContentFile
from django.test import Client, RequestFactory
from filer.models import File, Folder, FolderPermission
from guardian.shortcuts import assign_perm
from oauth2_provider.models import Application
from sentry_sdk.transport import Transport
from wagtail.models import GroupPagePermission, Page, PageViewRestriction

from django_mcp.testing import MCPClient, MCPError
from testproject.airports.models import TripPlan
from tests.contrib.oauth.visits import CALLBACK, ask

SECRET = "JBSWY3DPEHPK3PXP"


@pytest.fixture
def ada(page):
    return User.objects.create_user("ada", "ada@example.com", "correct horse")


@pytest.fixture
def application():
    return Application.objects.create(
        name="A client",
        client_id="the-client",
        client_type=Application.CLIENT_PUBLIC,
        authorization_grant_type=Application.GRANT_AUTHORIZATION_CODE,
        redirect_uris=CALLBACK,
    )


# allauth


def code():
    return totp.format_hotp_value(totp.hotp_value(SECRET, next(totp.yield_hotp_counters_from_time())))


def test_who_has_a_second_factor_uses_it_before_the_consent_page(ada, application):
    totp.TOTP.activate(ada, SECRET)
    browser = Client()

    login = ask(browser)["Location"]
    assert login.startswith("/accounts/login/?next=/oauth/authorize/")
    second = browser.post(login, {"login": "ada", "password": "correct horse"})["Location"]
    assert second.startswith("/accounts/2fa/authenticate/")
    assert ask(browser)["Location"].startswith("/accounts/login/")
    back = browser.post(second, {"code": code()})["Location"]

    assert back.startswith("/oauth/authorize/")
    assert "A client" in browser.get(back).content.decode()


def test_another_way_in_does_not_lead_past_the_second_factor(ada, application):
    browser = Client()
    browser.force_login(ada, backend="django.contrib.auth.backends.ModelBackend")
    assert ask(browser)["Location"].startswith("/accounts/2fa/totp/activate/?next=")

    totp.TOTP.activate(ada, SECRET)
    again = ask(browser)["Location"]
    assert again.startswith("/accounts/2fa/reauthenticate/?next=%2Foauth%2Fauthorize%2F")
    back = browser.post(again, {"code": code()})["Location"]
    assert "A client" in browser.get(back).content.decode()


# guardian


def test_a_user_sees_and_changes_what_was_shared_with_them(ada):
    bob = User.objects.create_user("bob")
    seen, changed, other = (TripPlan.objects.create(owner=bob, name=name) for name in ("seen", "changed", "other"))
    assign_perm("airports.view_tripplan", ada, seen)
    assign_perm("airports.change_tripplan", ada, changed)
    client = MCPClient("/mcp", user=ada)

    assert [row["name"] for row in client.call_tool("list_trip_plans").ok().data["items"]] == ["seen"]
    client.call_tool("get_trip_plan", {"pk": other.pk}).error().sees_not("other")
    client.call_tool("rename_shared_trip", {"trip_id": changed.pk, "name": "mine"}).ok()
    for trip in (seen, other):
        client.call_tool("rename_shared_trip", {"trip_id": trip.pk, "name": "mine"}).error("You have no trip")
    MCPClient("/mcp").call_tool("list_trip_plans").ok().sees_not("seen", "mine")


# Sentry


def test_a_tool_that_fails_is_one_event_with_its_tool_and_without_its_arguments(ada, page):
    events = []

    class Collecting(Transport):
        def capture_envelope(self, envelope):
            events.append(envelope.get_event())

    sentry_sdk.init(**page.SENTRY, transport=Collecting)
    try:
        for lane in ("view", "asgi"):
            events.clear()
            MCPClient("/mcp", lane=lane).call_tool("pay", {"pin": "4711"}).error("failed unexpectedly")
            MCPClient("/mcp", lane=lane).call_tool("rename_shared_trip", {"trip_id": 1, "name": "x"}).error()

            [event] = events
            assert event["exception"]["values"][-1]["value"] == "The bank is closed"
            assert (event["tags"]["mcp.method"], event["tags"]["mcp.name"]) == ("tools/call", "pay")
            assert "4711" not in json.dumps(event, default=repr)
    finally:
        sentry_sdk.init()


# structlog


def test_a_call_and_the_lines_that_it_logs_are_json(ada, page, capsys):
    before = {name: logging.getLogger(name).handlers[:] for name in page.LOGGING["loggers"]}
    logging.config.dictConfig({**page.LOGGING, "incremental": False})
    try:
        MCPClient("/mcp", user=ada).call_tool("count_stops", {"trip_id": 7}).ok()
    finally:
        for name, handlers in before.items():
            logging.getLogger(name).handlers, logging.getLogger(name).propagate = handlers, True
        structlog.reset_defaults()

    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2, lines
    own, call = map(json.loads, lines)
    assert own == {"event": "counted", "level": "info", "tool": "count_stops", "trip": 7, "user": ada.pk}
    assert (call["mcp_name"], call["mcp_outcome"], call["level"]) == ("count_stops", "ok", "info")


# Celery


def test_a_report_is_ordered_when_the_call_commits_and_read_when_it_is_ready(ada, django_capture_on_commit_callbacks):
    trip = TripPlan.objects.create(owner=ada, name="North")
    client = MCPClient("/mcp", user=ada)
    with pytest.raises(MCPError):
        client.read_resource(f"report://{trip.pk}")

    with django_capture_on_commit_callbacks(execute=True):
        client.call_tool("order_report", {"trip_id": trip.pk}).ok().sees(f"report://{trip.pk}")
        assert TripPlan.objects.get().name == "North"

    assert client.read_resource(f"report://{trip.pk}")[0]["text"] == "Report: ready"
    MCPClient("/mcp").call_tool("order_report", {"trip_id": trip.pk}).error("You have no trip")


# django-storages


def test_files_of_a_bucket_are_read_below_their_prefix(ada):
    s3 = boto3.client("s3", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    s3.create_bucket(Bucket="handbook")
    s3.put_object(Bucket="handbook", Key="public/a.txt", Body=b"Take a coat.")
    s3.put_object(Bucket="handbook", Key="secret.txt", Body=b"no")
    client = MCPClient("/mcp")

    assert client.read_resource("handbook://a.txt")[0]["text"] == "Take a coat."
    for uri in ("handbook://missing.txt", "handbook://../secret.txt", "handbook:///secret.txt"):
        with pytest.raises(MCPError, match="Resource not found"):
            client.read_resource(uri)


# Wagtail


@pytest.fixture
def site(ada):
    """The pages of a site by name: public, a draft, and pages behind each kind of restriction with one below."""
    home = Page.objects.get(depth=2)
    pages = {"news": home.add_child(instance=Page(title="news", search_description="All is well."))}
    pages["draft"] = home.add_child(instance=Page(title="draft", live=False))
    for kind in (PageViewRestriction.LOGIN, PageViewRestriction.GROUPS, PageViewRestriction.PASSWORD):
        pages[kind] = home.add_child(instance=Page(title=kind))
        pages[f"{kind} below"] = pages[kind].add_child(instance=Page(title=f"{kind} below"))
        PageViewRestriction.objects.create(page=pages[kind], restriction_type=kind, password="open")
    return pages


def titles(client):
    return {one["title"] for one in client.call_tool("find_pages", {"title": ""}).ok().data}


def test_a_page_is_seen_by_those_whom_its_restrictions_let_in_and_so_are_those_below(ada, site):
    home = Page.objects.get(depth=2).title
    members = Group.objects.create(name="members")
    site["groups"].view_restrictions.get().groups.add(members)
    bob = User.objects.create_user("bob")
    bob.groups.add(members)

    assert titles(MCPClient("/mcp")) == {home, "news"}
    assert titles(MCPClient("/mcp", user=ada)) == {home, "news", "login", "login below"}
    assert titles(MCPClient("/mcp", user=bob)) == {home, "news", "login", "login below", "groups", "groups below"}


@pytest.mark.parametrize(
    "name", ["draft", "login", "login below", "groups", "groups below", "password", "password below"]
)
def test_a_page_that_is_not_public_is_not_found_by_its_number(page, site, name):
    client = MCPClient("/mcp")
    assert client.read_resource(f"page://{site['news'].pk}")[0]["text"] == "# news\n\nAll is well."

    for number in (site[name].pk, 10**6, 1):
        with pytest.raises(MCPError, match="Resource not found"):
            client.read_resource(f"page://{number}")


def test_a_draft_is_for_those_who_may_edit_the_page(ada, site):
    editors = Group.objects.create(name="editors of news")
    permission = Permission.objects.get(content_type__app_label="wagtailcore", codename="change_page")
    GroupPagePermission.objects.create(group=editors, page=site["news"], permission=permission)
    number, stranger = site["news"].pk, MCPClient("/mcp")
    for client in (stranger, MCPClient("/mcp", user=ada)):
        client.call_tool("read_draft", {"page_id": number}).error(f"You have no page {number}")
        client.call_tool("write_draft", {"page_id": number, "description": "no"}).error(f"You have no page {number}")

    ada.groups.add(editors)
    client = MCPClient("/mcp", user=User.objects.get(pk=ada.pk))
    client.call_tool("write_draft", {"page_id": number, "description": "Rain is near."}).ok().sees("not published")

    assert client.call_tool("read_draft", {"page_id": number}).ok().data["description"] == "Rain is near."
    assert stranger.read_resource(f"page://{number}")[0]["text"] == "# news\n\nAll is well."
    client.call_tool("read_draft", {"page_id": site["draft"].pk}).error("You have no page")
    Page.objects.filter(pk=number).update(locked=True, locked_by=User.objects.create_user("eve"))
    client.call_tool("write_draft", {"page_id": number, "description": "no"}).error("locked")


# django-filer


def test_the_files_of_a_user_are_those_that_filer_lets_them_read(ada):
    bob, eve = User.objects.create_user("bob"), User.objects.create_user("eve")
    root = User.objects.create_superuser("root")
    shared, own = Folder.objects.create(name="shared"), Folder.objects.create(name="own", owner=bob)
    below = Folder.objects.create(name="below", parent=shared)
    FolderPermission.objects.create(
        folder=shared, user=ada, type=FolderPermission.CHILDREN, can_read=FolderPermission.ALLOW
    )
    FolderPermission.objects.create(folder=below, user=eve, type=FolderPermission.THIS, can_read=FolderPermission.DENY)
    places = [
        ("public", None, True),
        ("alone", None, False),
        ("shared", shared, False),
        ("below", below, False),
        ("own", own, False),
    ]
    files = [
        File.objects.create(
            original_filename=f"{name}.txt",
            folder=folder,
            is_public=is_public,
            file=ContentFile(name.encode(), f"{name}.txt"),
        )
        for name, folder, is_public in places
    ]
    files[1].owner = eve
    files[1].save()

    for user in (None, ada, bob, eve, root):
        client = MCPClient("/mcp", user=user) if user is not None else MCPClient("/mcp")
        request = RequestFactory().get("/")
        request.user = user or AnonymousUser()
        allowed = {
            file.pk for file in files if file.is_public or File.objects.get(pk=file.pk).has_read_permission(request)
        }

        listed = client.call_tool("find_files", {"name": "txt"}).ok().data
        assert {one["uri"] for one in listed} == {f"filer://{pk}" for pk in allowed}
        for file, (name, *_) in zip(files, places, strict=True):
            if file.pk in allowed:
                assert client.read_resource(f"filer://{file.pk}")[0]["text"] == name
            else:
                with pytest.raises(MCPError, match="Resource not found"):
                    client.read_resource(f"filer://{file.pk}")
