"""The pages of calls: a window, whose payloads, export and replay have permissions of their own."""

import asyncio
import json
from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.db import connections
from django.test import AsyncClient
from django.urls import reverse
from django.utils import timezone

from django_mcp.contrib.audit.admin import duration
from django_mcp.contrib.audit.models import OUTCOMES
from django_mcp.contrib.tokens.models import APIToken
from django_mcp.models import Session
from tests.tables import cases

pytestmark = pytest.mark.django_db

SECRET = "the-payload"


def url(page, *args):
    return reverse(f"admin:django_mcp_audit_call_{page}", args=args)


def shown(response):
    assert response.status_code == 200
    return response.content.decode()


def test_the_list_names_calls_in_few_queries_and_counts_no_table(
    staff_client, make_call, django_assert_max_num_queries
):
    client = staff_client("view_call")
    for number, (outcome, _) in enumerate(OUTCOMES):
        make_call(name=f"tool_{number}", outcome=outcome, user_pk="7", user_name="ada", client_name="cli", seconds=3)

    with django_assert_max_num_queries(12) as queries:
        text = shown(client.get(url("changelist")))

    assert [text.index(f"tool_{number}") for number in range(len(OUTCOMES))]
    counts = [query["sql"] for query in queries if "COUNT(*)" in query["sql"] and "audit" in query["sql"]]
    assert all("LIMIT 10000" in sql for sql in counts)
    assert "Show counts" not in text
    assert "arguments" not in "".join(query["sql"] for query in queries)


@cases(
    ("query", "names"),
    [
        ("outcome=failures", {"b", "c"}),
        ("outcome=failed", {"b"}),
        ("time=hour", {"a", "b"}),
        ("time=2020-03-01", {"c"}),
        ("time=2020-02-31", {"a", "b", "c"}),
        ("time=0001-01-01", {"a", "b", "c"}),
        ("name=a", {"a"}),
        ("user_pk=7", {"a"}),
        ("client_name=cli", {"b"}),
        ("server=other", {"c"}),
        ("session_pk=5", {"b"}),
        ("session_pk=5x", {"a", "b", "c"}),
        ("token_id=t1", {"a"}),
        ("key=k1", {"c"}),
        ("message=No+seat", {"c"}),
        ("q=a", {"a"}),
        ("q=somebody", {"a"}),
        ("q=" + "x" * 9999, set()),
        ("name=%00", set()),
    ],
)
def test_each_filter_finds_its_calls(admin_client, make_call, query, names):
    user = User.objects.get_or_create(username="somebody", pk=7)[0]
    old = timezone.make_aware(timezone.datetime(2020, 3, 1, 12))
    make_call(name="a", user_pk=str(user.pk), token_id="t1")
    make_call(name="b", outcome="failed", client_name="cli", session_pk=5)
    make_call(name="c", outcome="tool_error", server="other", started_at=old, key="k1", message="No seat")

    response = admin_client.get(f"{url('changelist')}?{query}")

    assert response.status_code == 200
    assert {call.name for call in response.context["cl"].result_list} == names
    for call in response.context["cl"].root_queryset:
        call.delete()


def test_no_other_lookup_reveals_a_payload(staff_client, make_call):
    make_call(arguments={"a": SECRET})
    client = staff_client("view_call")

    for lookup in ("arguments__contains", "result__startswith", "user_pk__regex", "principal"):
        assert client.get(url("changelist"), {lookup: SECRET}).status_code in (302, 400)


def test_payloads_have_a_permission_of_their_own(staff_client, make_call):
    call = make_call(arguments={"a": SECRET}, result={"b": "the-result"})
    client = staff_client("view_call")
    assert SECRET not in shown(client.get(url("change", call.pk)))

    User.objects.get().user_permissions.add(Permission.objects.get(codename="view_payload"))
    text = shown(client.get(url("change", call.pk)))
    assert SECRET in text
    assert "the-result" in text


@cases("page", ["changelist", "failures", "export", "change", "replay"], undone=True)
def test_no_page_is_implied_by_another_permission(staff_client, make_call, page):
    call = make_call()
    others = {"view_call", "view_payload", "export_call", "replay_call"}
    needed = {"export": {"export_call"}, "replay": {"replay_call"}}.get(page, {"view_call"})
    client = staff_client(*(others - needed))

    assert client.get(url(page, *([call.pk] if page in ("change", "replay") else []))).status_code in (302, 403)


def test_nobody_changes_a_call(admin_client, make_call):
    call = make_call()

    assert admin_client.get(url("add")).status_code == 403
    assert admin_client.post(url("delete", call.pk), {"post": "yes"}).status_code == 403
    assert admin_client.post(url("change", call.pk), {"name": "x"}).status_code == 403
    assert admin_client.get(url("change", 999)).status_code == 302


def test_a_calls_page_links_what_it_names(admin_client, admin_user, make_call, settings):
    settings.MCP_AUDIT_TRACE_URL = "https://traces.example.com/{trace_id}"
    session = Session.objects.create(server="s", expires_at=timezone.now() + timedelta(hours=1))
    call = make_call(
        **{"user_pk": str(admin_user.pk), "user_name": "admin", "session_pk": session.pk, "session_start": "abcdefgh"},
        **{"token_id": "t1", "client_name": "cli", "client_version": "2", "client_id": "c9", "key": "k" * 24},
        **{"trace_id": "f" * 32, "error_class": "KeyError", "error_code": -32603, "message": "<b>", "address": "::1"},
    )

    text = shown(admin_client.get(url("change", call.pk)))

    links = [
        reverse("admin:auth_user_change", args=[admin_user.pk]),
        reverse("admin:django_mcp_session_change", args=[session.pk]),
        *[f"{url('changelist')}?{query}" for query in (f"user_pk={admin_user.pk}", f"session_pk={session.pk}")],
        *[f"{url('changelist')}?{query}" for query in ("token_id=t1", "client_name=cli", f"key={'k' * 24}")],
        f"https://traces.example.com/{'f' * 32}",
        url("replay", call.pk),
    ]
    assert [link for link in links if f'href="{link}"' not in text] == []
    assert "KeyError (-32603)" in text
    assert "<b>" not in text.partition("KeyError")[2][:200]
    session.delete()
    assert links[1] not in shown(admin_client.get(url("change", call.pk)))


@pytest.mark.parametrize("permissions", [["view_call"], []])
def test_the_pages_of_a_session_and_of_a_token_link_their_calls_for_those_who_may_see_calls(
    staff_client, permissions, settings
):
    settings.USE_THOUSAND_SEPARATOR = True
    client = staff_client("view_session", "view_apitoken", *permissions)
    session = Session.objects.create(pk=12345, server="s", expires_at=timezone.now() + timedelta(hours=1))
    user = User.objects.get()
    token = APIToken(pk=12346, user=user, name="t")
    token.renew()
    token.save()

    pages = [
        (reverse("admin:django_mcp_session_change", args=[session.pk]), "session_pk=12345"),
        (
            reverse("admin:django_mcp_tokens_apitoken_change", args=[token.pk]),
            f"token_id=12346&amp;user_pk={user.pk}",
        ),
    ]

    linked = [f'href="{url("changelist")}?{query}"' in shown(client.get(page)) for page, query in pages]
    assert linked == [bool(permissions)] * 2


def test_the_export_is_of_the_filtered_calls_and_payloads_are_in_it_for_those_who_may_see_them(staff_client, make_call):
    make_call(name="a", arguments={"a": SECRET})
    make_call(name="b", outcome="failed", arguments={"a": SECRET})
    client = staff_client("view_call", "export_call")

    response = client.get(url("export"), {"format": "jsonl", "outcome": "failed"})
    [line] = response.getvalue().decode().splitlines()
    assert (json.loads(line)["name"], response["Content-Type"]) == ("b", "application/jsonl")
    assert SECRET not in line

    User.objects.get().user_permissions.add(Permission.objects.get(codename="view_payload"))
    response = client.get(url("export"), {"format": "csv"})
    assert response["Content-Disposition"] == 'attachment; filename="mcp-calls.csv"'
    assert response.getvalue().decode().count(SECRET) == 2


@pytest.mark.django_db(transaction=True)
def test_under_asgi_an_export_is_not_collected_before_it_is_sent(admin_user, make_call):
    for _ in range(3):
        make_call()

    async def read():
        client = AsyncClient()
        await client.aforce_login(admin_user)
        response = await client.get(url("export"), {"format": "jsonl"})
        assert response.is_async
        content = b"".join([part async for part in response.streaming_content])
        await sync_to_async(connections.close_all)()
        return content

    assert len(asyncio.run(read()).splitlines()) == 3


@pytest.mark.urls("tests.contrib.audit.urls")
def test_a_call_is_made_again_as_oneself_after_a_confirmation(admin_client, admin_user, make_call):
    call = make_call(name="whoami", arguments={"password": "[redacted]"})

    asked = shown(admin_client.get(url("replay", call.pk)))
    assert "will be made as <strong>admin</strong>" in asked
    assert "has not kept all of the arguments" in asked

    answered = shown(admin_client.post(url("replay", call.pk), {"arguments": '{"password": "typed"}'}))
    assert "You are admin" in answered
    assert LogEntry.objects.get(object_id=str(call.pk)).change_message == "Made again."

    for wrong in ("[]", "{", "", "[" * 100_000):
        refused = shown(admin_client.post(url("replay", call.pk), {"arguments": wrong}))
        assert "The arguments have to be a JSON object." in refused


@cases(
    ("seconds", "text"), [(0.0004, "0.4 ms"), (0.25, "250.0 ms"), (1.25, "1.2 s"), (119, "119.0 s"), (600, "10 min")]
)
def test_a_length_of_time_is_for_people(seconds, text):
    assert duration(seconds) == text


def test_a_day_is_found_in_a_project_without_time_zones(admin_client, settings):
    settings.USE_TZ = False

    assert admin_client.get(f"{url('changelist')}?time=2020-03-01").status_code == 200
