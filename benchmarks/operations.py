"""python -m benchmarks.operations: the database time of each list of the admin and of the overview, with 1 000 000
sessions and 10 000 000 calls on PostgreSQL.

It makes a database of its own on the server of BENCH_POSTGRES (postgres://postgres@127.0.0.1:5432), fills it in SQL,
and drops it. Each page is asked twice, and the second time is shown, as on a server that runs.
"""

import os
import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

SERVER = os.environ.get("BENCH_POSTGRES", "postgres://postgres@127.0.0.1:5432")
LIMIT_MILLISECONDS = 300

SESSIONS = """
INSERT INTO django_mcp_session
    (session_id, server, user_id, principal, protocol_version, client_info, client_name, client_capabilities, log_level,
     state, created_at, last_seen_at, expires_at, terminated_at, auth_hash, stream_holder, stream_lease_until,
     stream_position)
SELECT lpad(to_hex(n), 43, '0'), 'airports', 1 + n %% 100, 'user:' || 1 + n %% 100, '2025-11-25', '{"name":"x"}',
    (ARRAY['claude-code', 'Claude Desktop', 'cursor-vscode', 'inspector'])[1 + n %% 4], '{}', '', '{}',
    now() - n * interval '0.6 seconds', now() - n * interval '0.6 seconds',
    now() + interval '1 hour' - n * interval '0.6 seconds', NULL, '',
    CASE WHEN n < 3000 THEN 'h' ELSE '' END, CASE WHEN n < 3000 THEN now() + interval '1 hour' END, '0.0'
FROM generate_series(%s, 1, -1) n
"""
CALLS = """
INSERT INTO django_mcp_audit_call
    (started_at, seconds, method, name, outcome, error_class, message, user_pk, user_name, principal, client_id,
     token_id, client_name, client_version, server, path, lane, era, protocol_version, session_pk, session_start,
     request_id, key, round, result_bytes, trace_id, address, arguments)
SELECT now() - n * interval '0.06 seconds', 0.002 * (1 + n %% 97), 'tools/call', 'tool_' || n %% 20,
    CASE WHEN n %% 33 = 0 THEN 'tool_error' WHEN n %% 101 = 0 THEN 'failed' ELSE 'ok' END, '',
    CASE WHEN n %% 33 = 0 THEN 'No airport has the code QQQ' ELSE '' END, (1 + n %% 100)::text, 'user' || n %% 100,
    'user:' || 1 + n %% 100, '', '',
    (ARRAY['claude-code', 'Claude Desktop', 'cursor-vscode', 'inspector'])[1 + n %% 4], '1', 'airports', '/mcp',
    'asgi', 'handshake', '2025-11-25', %s - (n - 1) / 10, '00000000', n::text, lpad(to_hex(n), 24, '0'), 0, 100, '',
    '', '{"query":"Oslo"}'
FROM generate_series(%s, 1, -1) n
"""
USERS = """
INSERT INTO auth_user
    (id, password, is_superuser, username, first_name, last_name, email, is_staff, is_active, date_joined)
SELECT n, '', n = 1, 'user' || n, '', '', '', n = 1, true, now() FROM generate_series(1, 100) n
"""

PAGES = {
    "sessions": ("admin:django_mcp_session_changelist", {}),
    "sessions, live": ("admin:django_mcp_session_changelist", {"status": "live"}),
    "sessions, one client": ("admin:django_mcp_session_changelist", {"client_name": "inspector"}),
    "sessions, by a user": ("admin:django_mcp_session_changelist", {"q": "user7"}),
    "calls": ("admin:django_mcp_audit_call_changelist", {}),
    "calls, failures": ("admin:django_mcp_audit_call_changelist", {"outcome": "failures"}),
    "calls, one tool": ("admin:django_mcp_audit_call_changelist", {"name": "tool_7"}),
    "calls, one session": ("admin:django_mcp_audit_call_changelist", {"session_pk": "5000"}),
    "overview, hour": ("admin:django_mcp_operations_rollup_changelist", {"period": "hour"}),
    "overview, day": ("admin:django_mcp_operations_rollup_changelist", {"period": "day"}),
    "overview, week": ("admin:django_mcp_operations_rollup_changelist", {"period": "week"}),
    "running now": ("admin:django_mcp_operations_runningcall_changelist", {}),
    "switches": ("admin:django_mcp_operations_switch_changelist", {}),
    "missing capabilities": ("admin:django_mcp_operations_missingcapability_changelist", {}),
}


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=1_000_000)
    parser.add_argument("--calls", type=int, default=10_000_000)
    arguments = parser.parse_args()
    with own_database() as url:
        os.environ |= {"DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "testproject.settings", "CONN_MAX_AGE": "600"}
        import django

        django.setup()
        fill(arguments.sessions, arguments.calls)
        slow = [name for name, milliseconds in measure() if milliseconds > LIMIT_MILLISECONDS]
        from django.db import connections

        connections.close_all()
    sys.exit(f"Above {LIMIT_MILLISECONDS} ms: {', '.join(slow)}" if slow else 0)


@contextmanager
def own_database() -> Iterator[str]:
    import psycopg

    name = f"bench_operations_{os.getpid()}"
    with psycopg.connect(f"{SERVER}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        try:
            yield f"{SERVER}/{name}"
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def fill(sessions: int, calls: int) -> None:
    """The tables, filled in SQL, and the calls counted as the processes that serve count them."""
    from django.core.management import call_command
    from django.db import connection

    call_command("migrate", verbosity=0)
    with connection.cursor() as cursor, without_indexes():
        for what, sql, values in (
            ("users", USERS, []),
            (f"{sessions:,} sessions", SESSIONS, [sessions]),
            (f"{calls:,} calls", CALLS, [sessions, calls]),
        ):
            began = time.perf_counter()
            cursor.execute(sql, values or None)
            print(f"Filled {what} in {time.perf_counter() - began:.0f} s", flush=True)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    count_all()


@contextmanager
def without_indexes() -> Iterator[None]:
    """Filling takes a third of the time when the indexes of calls are made at its end."""
    from django.db import connection

    from django_mcp.contrib.audit.models import Call

    with connection.schema_editor() as editor:
        for index in Call._meta.indexes:
            editor.remove_index(Call, index)
    yield
    began = time.perf_counter()
    with connection.schema_editor() as editor:
        for index in Call._meta.indexes:
            editor.add_index(Call, index)
    print(f"Made the indexes in {time.perf_counter() - began:.0f} s", flush=True)


def count_all() -> None:
    from datetime import timedelta

    from django.utils import timezone

    from django_mcp.contrib.operations.rollups import catch_up

    began = time.perf_counter()
    catch_up()
    left = catch_up(portions=10_000, now=timezone.now() + timedelta(minutes=1))
    print(f"Counted the calls in {time.perf_counter() - began:.0f} s, {left} left", flush=True)


def measure() -> list[tuple[str, float]]:
    """The database time of each page in milliseconds."""
    from django.contrib.auth import get_user_model
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext
    from django.urls import reverse

    client, found = Client(headers={"host": "127.0.0.1"}), []
    client.force_login(get_user_model().objects.get(pk=1))
    print(f"\n{'Page':<24}{'queries':>8}{'ms in the database':>20}{'slowest':>10}{'ms in all':>11}")
    for name, (address, query) in PAGES.items():
        for _ in range(2):
            began = time.perf_counter()
            with CaptureQueriesContext(connection) as captured:
                response: Any = client.get(reverse(address), query)
            whole = 1000 * (time.perf_counter() - began)
        assert response.status_code == 200, (name, response.status_code, response.headers)
        times = [1000 * float(one["time"]) for one in captured.captured_queries]
        found.append((name, sum(times)))
        print(f"{name:<24}{len(times):>8}{sum(times):>20.0f}{max(times):>10.0f}{whole:>11.0f}", flush=True)
        if sum(times) > LIMIT_MILLISECONDS:
            slowest = max(captured.captured_queries, key=lambda one: float(one["time"]))
            print(f"    {slowest['sql'][:600]}", flush=True)
    return found


if __name__ == "__main__":
    main()
