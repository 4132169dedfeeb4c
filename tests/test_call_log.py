"""Where `MCP_LOG_CALLS` is on, each call is a record with its values as attributes, and with nobody's secrets."""

import logging

import pytest
from django.apps import apps

from django_mcp import observers
from django_mcp.call_log import CallLog
from tests import wire
from tests.calls import SECRET, SENT

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.urls")]


@pytest.fixture
def records(caplog):
    observer = CallLog()
    observers.observe(observer)
    caplog.set_level(logging.INFO, "django_mcp.calls")
    yield lambda: [record for record in caplog.records if record.name == "django_mcp.calls"]
    observers.stop_observing(observer)


def test_each_call_is_one_record(connect, era, lane, records):
    client = connect("/calls")
    client.initialize()
    send = wire.modern_request if era == "modern" else wire.request

    for sent in SENT:
        before = len(records())
        client.post(send(sent.method, sent.params))

        (record,) = records()[before:]
        name = sent.name
        if sent.method == "resources/read":
            name = "note://…" if sent.outcome == "unknown" else "note://{number}/{token}"
        assert record.getMessage().startswith(f"{sent.method} {name}: {sent.outcome} in "), sent
        assert record.levelname == ("WARNING" if sent.outcome in ("failed", "over_budget") else "INFO"), sent
        assert (record.mcp_method, record.mcp_name, record.mcp_outcome) == (sent.method, name, sent.outcome)
        assert (record.mcp_server, record.mcp_path, record.mcp_error_class) == ("calls", "/calls", sent.error_class)
        assert record.mcp_seconds > 0
        assert len(record.mcp_session) == (8 if era == "handshake" else 0)
        assert SECRET not in str(vars(record))


def test_text_of_a_client_is_one_line_and_is_cut(connect, records):
    client = connect("/calls", era="handshake")
    client.initialize()
    client.post(wire.request("tools/call", {"name": "x\nINFO all is well" + "y" * 1000, "arguments": {}}))

    (record,) = records()
    assert record.mcp_name == "x\ufffdINFO all is well" + "y" * 238
    assert "\n" not in record.getMessage()


def test_a_logger_that_is_off_costs_no_values(connect, records, caplog, monkeypatch):
    caplog.set_level(logging.ERROR, "django_mcp.calls")
    monkeypatch.setattr("django_mcp.call_log.values_of", None)
    client = connect("/calls", era="handshake")
    client.initialize()

    assert client.post(wire.request("tools/call", {"name": "nothing", "arguments": {}})).status_code == 200
    assert records() == []


@pytest.mark.parametrize("is_on", [False, True])
def test_the_setting_decides_when_the_process_starts(settings, is_on):
    settings.MCP_LOG_CALLS = is_on

    apps.get_app_config("django_mcp")._log_calls()

    found = [observer for observer in observers.observing if isinstance(observer, CallLog)]
    for observer in found:
        observers.stop_observing(observer)
    assert len(found) == is_on
