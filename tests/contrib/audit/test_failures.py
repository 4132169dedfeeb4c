from datetime import timedelta

from django.utils import timezone

from django_mcp.contrib.audit import failures
from django_mcp.contrib.audit.failures import group_failures


def test_failures_are_grouped_by_what_failed_and_how_in_a_bounded_number_of_queries(
    make_call, monkeypatch, django_assert_num_queries
):
    now = timezone.now()
    for minutes, user in ((1, "1"), (2, "2"), (3, "2")):
        newest = make_call(
            **{"name": "pay", "outcome": "tool_error", "error_class": "ToolError", "message": "No money"},
            **{"user_pk": user, "started_at": now - timedelta(minutes=4 - minutes)},
        )
    other = make_call(name="pay", outcome="failed", error_class="KeyError", message="KeyError in pay, line 7")
    make_call(outcome="ok")
    make_call(outcome="cancelled")
    make_call(outcome="failed", started_at=now - timedelta(hours=2))

    with django_assert_num_queries(7):
        groups, is_cut = group_failures(1)

    assert [(group.message, group.count, group.users, group.newest) for group in groups] == [
        ("No money", 3, 2, newest.pk),
        ("KeyError in pay, line 7", 1, 1, other.pk),
    ]
    assert groups[0].query == "name=pay&outcome=tool_error&message=No+money"
    assert not is_cut
    monkeypatch.setattr(failures, "MOST_READ", 2)
    groups, is_cut = group_failures(1)
    assert (sum(group.count for group in groups), is_cut) == (2, True)


def test_the_page_shows_them_and_where_they_are(admin_client, make_call):
    call = make_call(name="pay", outcome="failed", error_class="KeyError", message="KeyError in pay, line 7")

    for hours in ("", "1", "24", "168", "9999", "x"):
        text = admin_client.get("/admin/django_mcp_audit/call/failures/", {"hours": hours}).content.decode()

        assert "KeyError: KeyError in pay, line 7" in text
        assert f"/admin/django_mcp_audit/call/{call.pk}/change/" in text
        assert "?name=pay&amp;outcome=failed&amp;message=KeyError+in+pay%2C+line+7" in text
