"""Which database a read-only call reads from."""

import pytest
from django.contrib.auth.models import Group

from django_mcp.models import Session
from django_mcp.replicas import ReplicaRouter, reading


@pytest.fixture
def replica(settings):
    settings.MCP_READ_ONLY_DATABASE = "replica"


def test_a_read_only_call_reads_from_the_replica(replica):
    router = ReplicaRouter()

    with reading(True):
        assert router.db_for_read(Group) == "replica"
    assert router.db_for_read(Group) is None


def test_any_other_call_does_not(replica):
    with reading(False):
        assert ReplicaRouter().db_for_read(Group) is None


def test_without_a_replica_nothing_is_routed():
    with reading(True):
        assert ReplicaRouter().db_for_read(Group) is None


def test_sessions_are_read_where_they_are_written(replica):
    with reading(True):
        assert ReplicaRouter().db_for_read(Session) is None
