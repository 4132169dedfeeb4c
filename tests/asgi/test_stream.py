"""The common behaviour of all open streams."""

import pytest

from django_mcp.storage import changes
from tests.asgi.connections import Connection, listen, on_a_loop

pytestmark = pytest.mark.django_db


def test_a_stream_that_fails_is_logged_and_ended(monkeypatch, caplog):
    monkeypatch.setattr(changes, "last_change", lambda server: 1 / 0)

    async def talk():
        return await Connection(listen()).ends()

    assert on_a_loop(talk) == b""
    assert "ZeroDivisionError" in caplog.text
