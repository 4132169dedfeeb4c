"""Exports: every row once, in pages, and nothing that a spreadsheet would run."""

import csv
import json
from io import StringIO

from django_mcp.contrib.audit import export as module
from django_mcp.contrib.audit.export import COLUMNS, export
from django_mcp.contrib.audit.models import Call


def test_both_formats_have_every_column_and_row(make_call):
    calls = [make_call(name=name, arguments={"a": ["é", "\x00", name]}) for name in ("greet", 'q",\n"uoted')]

    table = list(csv.DictReader(StringIO("".join(export(Call.objects.all(), "csv")), newline="")))
    lines = [json.loads(line) for line in export(Call.objects.all(), "jsonl")]

    assert list(table[0]) == list(lines[0]) == list(COLUMNS)
    assert [row["name"] for row in table] == [line["name"] for line in lines] == [call.name for call in calls]
    assert [json.loads(row["arguments"]) for row in table] == [line["arguments"] for line in lines]
    assert lines[0]["started_at"] == table[0]["started_at"] == calls[0].started_at.isoformat()


def test_a_cell_is_no_formula(make_call):
    for name in ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1"):
        make_call(name=name)

    table = csv.DictReader(StringIO("".join(export(Call.objects.all(), "csv")), newline=""))

    assert [row["name"] for row in table] == ["'=1+1", "'+1", "'-1", "'@SUM(A1)", "'\t=1", "'\r=1", " =1"]


def test_payloads_are_left_out_where_they_are_not_wanted(make_call):
    make_call(arguments={"a": 1})

    [line] = export(Call.objects.all(), "jsonl", payloads=False)

    assert json.loads(line).keys() == set(COLUMNS) - {"arguments", "result"}


def test_rows_are_read_in_pages_by_their_key(make_call, monkeypatch, django_assert_num_queries):
    monkeypatch.setattr(module, "PAGE", 2)
    for _ in range(5):
        make_call()

    lines = export(Call.objects.all(), "jsonl")
    with django_assert_num_queries(1):
        next(lines), next(lines)
    with django_assert_num_queries(3):
        assert len(list(lines)) == 3
