"""The audit's own table test: each outcome, in each lane and era, is one row with the right outcome and no secret."""

import json
import logging
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.utils import timezone
from rest_framework.authtoken.models import Token

from django_mcp.contrib.audit import recorder
from django_mcp.contrib.audit.models import Call
from django_mcp.contrib.audit.writer import flush, writer
from django_mcp.testing import MCPClient
from tests import wire
from tests.calls import SECRET, SENT

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.urls")]


@pytest.fixture(params=["buffered", "durable"])
def mode(request, settings):
    settings.MCP_AUDIT = request.param
    recorder.start()
    return request.param


def send(client, method, params):
    message = wire.modern_request if client.era == "modern" else wire.request
    return client.post(message(method, params))


def everything(row):
    return json.dumps(Call.objects.values().get(pk=row.pk), default=str)


@pytest.mark.every_combination
def test_each_call_is_one_row_with_its_outcome_and_no_secret(connect, era, lane, mode, settings):
    settings.MCP_AUDIT_RESULTS = ["write", "greet"]
    client = connect("/calls")
    client.initialize()

    for sent in SENT:
        answered = send(client, sent.method, sent.params)
        written = flush()
        assert written == (0 if mode == "durable" else 1)

    rows = list(Call.objects.order_by("pk"))
    for sent, row in zip(SENT, rows, strict=True):
        name = "note://{number}/{token}" if SECRET in sent.name else sent.name
        assert (row.method, row.name, row.outcome, row.error_class) == (
            sent.method,
            name,
            sent.outcome,
            sent.error_class,
        )
        assert SECRET not in everything(row), sent
        assert (row.server, row.path, row.era, row.protocol_version) == ("calls", "/calls", era, client.version)
        assert row.lane == ("view" if "application" in lane else lane["lane"])
        assert (row.session_pk is not None) == (era == "handshake")
        assert (row.client_name, row.client_version) == ("test", "1")
        assert (row.result is not None) == (sent.name in ("write", "greet"))
    assert rows[0].arguments == {"name": "Ada", "password": "[redacted]"}
    assert rows[2].message == "[redacted] is wrong"
    assert rows[-1].result_bytes == len(answered.content)
    assert not Group.objects.exists()


def test_a_row_names_its_user_and_token_and_counts_queries(connect, mode):
    user = User.objects.create_user("ada")
    Group.objects.create(name="a")
    token = Token.objects.create(user=user)
    client = connect("/calls", headers={"authorization": f"Token {token.key}"})

    client.call_tool("groups")
    flush()

    row = Call.objects.get()
    assert (row.user_pk, row.user_name, row.principal) == (str(user.pk), "ada", f"user:{user.pk}")
    assert (row.queries, row.rows) == (1, 1)
    assert token.key not in everything(row)
    assert row.seconds > 0


def test_the_rounds_of_a_call_are_rows_with_one_key(mode):
    MCPClient("/calls", era="modern", answers={"roots": []}).call_tool("ask")
    flush()

    rows = Call.objects.order_by("pk")
    assert [(row.outcome, row.round) for row in rows] == [("input_required", 0), ("ok", 1)]
    assert rows[0].key == rows[1].key


def test_a_project_without_time_zones_has_its_rows(mode, settings):
    settings.USE_TZ = False

    MCPClient("/calls", era="modern").call_tool("greet", {"name": "Ada"})
    flush()

    assert abs(Call.objects.get().started_at - timezone.now()) < timedelta(minutes=1)


def test_calls_go_on_without_the_table_and_the_loss_is_counted_and_logged(mode, caplog, monkeypatch):
    monkeypatch.setattr(Call._meta, "db_table", "missing")
    caplog.set_level(logging.WARNING, "django_mcp.audit")
    client = MCPClient("/calls")

    for _ in range(3):
        assert client.call_tool("greet", {"name": "Ada"}).text == "Hello, Ada"
        flush()
    if mode == "buffered":
        assert len(writer._rows) == 3
        writer._warn()

    [record] = [record for record in caplog.records if record.name == "django_mcp.audit"]
    said = "1 calls are missing in the audit" if mode == "durable" else "3 calls wait to be written to the audit"
    assert record.getMessage().startswith(said)


def test_an_audit_that_is_off_observes_nothing(settings):
    settings.MCP_AUDIT = "off"
    recorder.start()

    MCPClient("/calls").call_tool("greet", {"name": "Ada"})

    assert flush() == 0
    assert not Call.objects.exists()
