from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.urls import reverse
from django.utils import timezone

from django_mcp.admin import RecentValuesFilter
from django_mcp.models import Session
from django_mcp.signals import session_terminated
from tests.tables import cases

pytestmark = pytest.mark.django_db

LIST = "admin:django_mcp_session_changelist"
SECRET = "SECRET42" + "s" * 35


def create_session(**values):
    values.setdefault("client_name", values.get("client_info", {}).get("name", ""))
    return Session.objects.create(**{"server": "airports", "expires_at": timezone.now() + timedelta(hours=1)} | values)


def listed(client, **query):
    response = client.get(reverse(LIST), query)
    assert response.status_code == 200
    return {*response.context["cl"].queryset}


def page(client, session):
    response = client.get(reverse("admin:django_mcp_session_change", args=[session.pk]))
    assert response.status_code == 200
    return response.content.decode()


def terminate(client, *sessions):
    data = {"action": "terminate_selected", "_selected_action": [session.pk for session in sessions]}
    return client.post(reverse(LIST), data, follow=True)


# The list


def test_the_list_shows_whose_session_it_is_and_what_has_become_of_it(admin_client):
    user = get_user_model().objects.create_user("ada")
    create_session(user=user, protocol_version="2025-11-25", client_info={"name": "inspector", "version": "0.9"})
    create_session(expires_at=timezone.now())
    create_session(terminated_at=timezone.now())

    content = admin_client.get(reverse(LIST)).content.decode()

    for shown in ("ada", "airports", "2025-11-25", "inspector 0.9", ">live<", ">expired<", ">terminated<"):
        assert shown in content


def test_the_list_takes_as_many_queries_for_many_sessions_as_for_one(admin_client, django_assert_num_queries):
    def create():
        user = get_user_model().objects.create_user(f"user-{get_user_model().objects.count()}")
        create_session(user=user, client_info={"name": "inspector", "version": "1"})

    create()
    admin_client.get(reverse(LIST))
    # The web session, its user; the values of three filters; a count; the rows; streams, events and calls of the rows.
    queries = 10 if apps.is_installed("django_mcp.contrib.audit") else 9
    with django_assert_num_queries(queries):
        admin_client.get(reverse(LIST))
    for _ in range(20):
        create()
    with django_assert_num_queries(queries):
        admin_client.get(reverse(LIST))


def test_sessions_are_filtered_by_what_has_become_of_them(admin_client):
    live = create_session()
    expired = create_session(expires_at=timezone.now())
    terminated = create_session(terminated_at=timezone.now())

    assert listed(admin_client, status="live") == {live}
    assert listed(admin_client, status="expired") == {expired}
    assert listed(admin_client, status="terminated") == {terminated}
    assert listed(admin_client, status="nonsense") == {live, expired, terminated}


@pytest.mark.parametrize("column", ["server", "protocol_version", "client_name"])
def test_sessions_are_filtered_by_server_version_and_client(admin_client, column):
    wanted = create_session(**{column: "wanted"})
    create_session(**{column: "other"})

    content = admin_client.get(reverse(LIST)).content.decode()

    assert f"?{column}=wanted" in content
    assert f"?{column}=other" in content
    assert listed(admin_client, **{column: "wanted"}) == {wanted}
    assert listed(admin_client, **{column: "nobody's"}) == set()


def test_a_filter_offers_what_the_newest_sessions_have(admin_client, monkeypatch):
    monkeypatch.setattr(RecentValuesFilter, "newest", 2)
    old = create_session(server="old")
    create_session(server="new")
    create_session(server="new")

    assert "?server=old" not in admin_client.get(reverse(LIST)).content.decode()
    assert listed(admin_client, server="old") == {old}
    assert "?server=old" in admin_client.get(reverse(LIST), {"server": "old"}).content.decode()


@cases("value", ["\u0000", "a\u0000", "\ud800".encode("utf-8", "surrogatepass"), "🛫", "%"])
@cases("parameter", ["status", "server", "client_name", "q"])
def test_odd_values_in_the_address_break_no_page(admin_client, parameter, value):
    create_session()

    listed(admin_client, **{parameter: value})


def test_sessions_are_found_by_the_beginning_of_the_id_the_user_and_the_client(admin_client):
    user = get_user_model().objects.create_user("ada")
    mine = create_session(session_id="abcdefgh" + "x" * 35, user=user, client_info={"name": "inspector"})
    create_session(session_id="zbcdefgh" + "x" * 35)

    for search in ("abcd", "abcdefgh", mine.session_id, "ad", "ada", "inspect", " ada "):
        assert listed(admin_client, q=search) == {mine}, search
    assert listed(admin_client, q="bcdefgh") == set()


def test_searching_does_not_spell_out_an_id(admin_client):
    session = create_session(session_id=SECRET)

    assert listed(admin_client, q=SECRET[:8] + "wrong") == {session}


def test_searching_looks_at_the_column_that_the_project_logs_in_with(admin_client, monkeypatch):
    monkeypatch.setattr(get_user_model(), "USERNAME_FIELD", "email")
    mine = create_session(user=get_user_model().objects.create_user("ada", email="countess@example.com"))

    assert listed(admin_client, q="countess") == {mine}


def test_the_list_is_filtered_by_its_filters_and_by_no_other_lookup(admin_client):
    """`?session_id__regex=^AB[A-M]` would spell out an id, one page after another."""
    session = create_session(session_id=SECRET)
    own = admin.site.get_model_admin(Session)
    fields = {field.name: field for field in [*Session._meta.get_fields(), *get_user_model()._meta.get_fields()]}
    lookups = [
        f"{prefix}{name}{suffix}"
        for name, field in fields.items()
        for prefix in ("", "user__", "event__session__")
        for suffix in ("", *(f"__{lookup}" for lookup in getattr(field, "get_lookups", dict)()))
    ]

    allowed = {lookup for lookup in lookups if own.lookup_allowed(lookup, "A", None)}

    assert len(lookups) > 1000
    assert allowed == {"server", "protocol_version", "client_name"}
    assert own.lookup_allowed("status", "live", None)
    for lookup in ("session_id__regex", "session_id__startswith", "auth_hash__gt", "user__password__startswith"):
        assert admin_client.get(reverse(LIST), {lookup: session.session_id[:3]}).status_code == 400, lookup


def test_a_search_names_its_users_and_clients_so_that_it_joins_no_table(admin_client, django_assert_max_num_queries):
    create_session(user=get_user_model().objects.create_user("ada"), client_info={"name": "adapter"})

    with django_assert_max_num_queries(20) as queries:
        listed(admin_client, q="ada")

    searches = [one["sql"] for one in queries if "session_id" in one["sql"] and "LIKE" in one["sql"]]
    assert any("COUNT(" in sql and "LIMIT 10000" in sql for sql in searches)
    assert not [sql for sql in searches if "LIKE '%" in sql]


def test_a_search_is_cut_to_a_bounded_length(admin_client):
    mine = create_session(client_info={"name": "a" * 100})

    assert listed(admin_client, q="a" * 5000) == {mine}


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_the_list_fits_a_small_screen_beside_its_filters(chromium, live_server, admin_client):
    """1280 pixels, with Django's own sidebar open, and the longest names that are usual."""
    ada = get_user_model().objects.create_user("countess.ada.lovelace@example.com")
    create_session(user=ada, client_info={"name": "ChatGPT Connector (web)", "version": "2026.11.28"})
    with chromium.window(1280, 900) as driver:
        driver.get(live_server.url + "/admin/login/")
        driver.add_cookie({"name": "sessionid", "value": admin_client.cookies["sessionid"].value})
        driver.get(live_server.url + reverse(LIST))
        widths = "const all = document.querySelector('.results'); return [all.clientWidth, all.scrollWidth]"
        seen, needed = driver.execute_script(widths)
        sidebar, filters = (driver.find_element("id", name) for name in ("nav-sidebar", "changelist-filter"))
        assert [sidebar.is_displayed(), filters.is_displayed()] == [True, True]
        assert needed <= seen > 500


# One session


def test_a_session_is_shown_whole_and_cannot_be_edited(admin_client):
    session = create_session(
        principal="user:1",
        client_info={"name": "inspector", "version": "0.9", "websiteUrl": "https://example.com"},
        client_capabilities={"elicitation": {}},
        state={"cart": ["OSL"]},
        log_level="warning",
    )

    content = page(admin_client, session)

    for shown in ("user:1", "https://example.com", "elicitation", "OSL", "warning", "live"):
        assert shown in content
    assert "_save" not in content
    assert "deletelink" not in content


def test_no_page_shows_the_whole_session_id(admin_client):
    session = create_session(session_id=SECRET)
    terminate(admin_client, session)

    pages = [
        admin_client.get(reverse(LIST)).content.decode(),
        page(admin_client, session),
        admin_client.get(reverse("admin:django_mcp_session_history", args=[session.pk])).content.decode(),
        admin_client.get(reverse("admin:index")).content.decode(),
    ]

    assert all("SECRET42…" in content for content in pages)
    assert not any(SECRET[:9] in content for content in pages)


@pytest.mark.parametrize("text", ["\ud800", "a\u0000b", "🛫", "<script>alert(1)</script>", "</pre>"])
def test_what_clients_send_breaks_no_page(admin_client, text):
    said = {"name": text, "version": text, text: text}
    session = create_session(client_info=said, client_capabilities=said, state=said, client_name="")

    assert "<script>alert" not in page(admin_client, session)
    assert "<script>alert" not in admin_client.get(reverse(LIST)).content.decode()


def test_json_is_shown_readably(admin_client):
    session = create_session(state={"имя": "é"})

    assert "{\n  &quot;имя&quot;: &quot;é&quot;\n}" in page(admin_client, session)


# Permitted actions


@pytest.mark.parametrize("verb", ["add", "change", "delete"])
def test_not_even_a_superuser_adds_changes_or_deletes_sessions(admin_client, verb):
    session = create_session()
    address = reverse(f"admin:django_mcp_session_{verb}", args=[] if verb == "add" else [session.pk])

    assert admin_client.post(address, {"server": "other", "post": "yes"}).status_code == 403
    assert Session.objects.get().server == "airports"
    assert 'value="delete_selected"' not in admin_client.get(reverse(LIST)).content.decode()


def test_selected_sessions_are_terminated(admin_client):
    one, other, kept = create_session(), create_session(), create_session()
    ended = []

    def receiver(session_id, **arguments):
        ended.append(session_id)

    session_terminated.connect(receiver)
    try:
        content = terminate(admin_client, one, other).content.decode()
    finally:
        session_terminated.disconnect(receiver)

    assert "2 sessions are terminated." in content
    assert {*Session.objects.active()} == {kept}
    assert sorted(ended) == sorted([one.session_id, other.session_id])
    assert [*LogEntry.objects.values_list("change_message", flat=True)] == ["Terminated."] * 2


def test_terminating_what_has_ended_changes_nothing(admin_client):
    expired = create_session(expires_at=timezone.now())
    terminated = create_session(terminated_at=timezone.now() - timedelta(days=1))

    assert "0 sessions are terminated." in terminate(admin_client, expired, terminated).content.decode()

    assert Session.objects.get(pk=terminated.pk).terminated_at == terminated.terminated_at
    assert Session.objects.get(pk=expired.pk).terminated_at is None
    assert not LogEntry.objects.exists()


def test_terminating_takes_a_permission_of_its_own(staff_client):
    session = create_session()
    client = staff_client("view_session")

    assert 'value="terminate_selected"' not in client.get(reverse(LIST)).content.decode()
    terminate(client, session)
    assert Session.objects.active().exists()

    get_user_model().objects.get(username="staff").user_permissions.add(
        Permission.objects.get(codename="terminate_session", content_type__app_label="django_mcp")
    )
    terminate(client, session)
    assert not Session.objects.active().exists()


def test_looking_takes_a_permission_too(staff_client):
    client = staff_client("terminate_session")

    assert client.get(reverse(LIST)).status_code == 403
    assert "Session" not in client.get(reverse("admin:index")).content.decode()


def test_a_user_with_sessions_can_still_be_deleted(staff_client):
    user = get_user_model().objects.create_user("leaver")
    create_session(user=user)
    client = staff_client("delete_user", "view_user")

    client.post(reverse("admin:auth_user_delete", args=[user.pk]), {"post": "yes"})

    assert not get_user_model().objects.filter(pk=user.pk).exists()
    assert not Session.objects.exists()


def test_outside_a_page_nobody_deletes_a_session(rf, admin_user):
    request = rf.get("/")
    request.user = admin_user
    request.resolver_match = None

    assert not admin.site.get_model_admin(Session).has_delete_permission(request, SimpleNamespace())
