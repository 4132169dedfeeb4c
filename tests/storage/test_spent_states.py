"""A request state is spent once, whoever spends it, and forgotten when it would have expired."""

from datetime import timedelta

import pytest
from django.utils import timezone

from django_mcp.models import SpentState
from django_mcp.storage.purge import purge_aged
from django_mcp.storage.spent_states import spend

pytestmark = pytest.mark.django_db


def test_a_state_is_spent_once():
    assert [spend("a"), spend("a"), spend("b")] == [True, False, True]


def test_a_spent_state_is_kept_until_it_would_have_expired(settings, time_machine):
    settings.MCP_REQUEST_STATE_TTL_SECONDS = 60
    now = timezone.now()
    time_machine.move_to(now, tick=False)
    spend("a")

    assert purge_aged(now - timedelta(days=1)) == 0
    time_machine.move_to(now + timedelta(seconds=61), tick=False)
    assert purge_aged(now - timedelta(days=1)) == 1
    assert not SpentState.objects.exists()
