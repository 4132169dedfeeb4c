"""The list stays quick: it counts to a bound, and each filter's order comes from an index."""

import pytest
from django.db import connection

from django_mcp import admin
from django_mcp.admin import BoundedPaginator
from django_mcp.contrib.audit import lists
from django_mcp.contrib.audit.lists import FILTERS, RecentValuesFilter
from django_mcp.contrib.audit.models import Call
from tests.tables import cases


def test_a_paginator_counts_to_its_bound(make_call, monkeypatch, django_assert_num_queries):
    monkeypatch.setattr(admin, "MOST_COUNTED", 3)
    for _ in range(5):
        make_call()

    with django_assert_num_queries(1) as queries:
        assert BoundedPaginator(Call.objects.order_by("-pk"), 2).num_pages == 2

    assert "LIMIT 3" in queries[0]["sql"]


@cases("column", ["outcome", "name", "user_pk", "client_name", "server", "session_pk", "token_id"])
def test_a_filtered_list_is_read_in_the_order_of_an_index(make_call, column):
    if connection.vendor != "sqlite":
        pytest.skip("Other databases plan by the number of rows, of which a test has none")
    value = 1 if column == "session_pk" else "x"
    plan = Call.objects.filter(**{column: value}).order_by("-started_at", "-pk")[:100].explain()

    assert "USING INDEX mcp_call_" in plan
    assert "TEMP B-TREE" not in plan


def test_a_filter_offers_the_values_of_the_newest_calls(make_call, monkeypatch):
    monkeypatch.setattr(lists, "NEWEST", 2)
    for name in ("old", "b", "a"):
        make_call(name=name)

    class Named(RecentValuesFilter):
        title = parameter_name = "name"

    offered = Named(None, {"name": ["chosen"]}, Call, None).lookup_choices

    assert offered == [("a", "a"), ("b", "b"), ("chosen", "chosen")]
    assert len({one.parameter_name for one in FILTERS}) == len(FILTERS)
