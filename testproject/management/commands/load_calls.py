"""`manage.py load_calls`: sessions, calls and operators' work of a busy day, for the pages of the admin."""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from django_mcp.contrib.audit.models import Call
from django_mcp.contrib.operations.models import MissingCapability, Process, RunningCall, Switch
from django_mcp.contrib.operations.rollups import catch_up
from django_mcp.contrib.operations.switches import find_target, stop
from django_mcp.models import Event, Session, Subscription, Upkeep

USERS: Final = ("ada", "grace", "hedy", "katherine", "mary", "radia", "sophie", "annie", "edith", "joan")
CLIENTS: Final = (
    ("claude-code", "2.1.4", "2025-11-25", 5),
    ("Claude Desktop", "1.4.2", "2025-11-25", 4),
    ("cursor-vscode", "1.7.1", "2025-06-18", 3),
    ("ChatGPT Connector", "2026.11", "2026-07-28", 3),
    ("inspector", "2.12.0", "2026-07-28", 1),
)
TOOLS: Final = (
    # The name, its weight, its usual seconds, and its share of errors.
    ("search_airports", 40, 0.012, 0.01),
    ("airport_facts", 30, 0.004, 0.03),
    ("distance", 20, 0.003, 0.01),
    ("route", 12, 0.180, 0.05),
    ("nearest_airports", 10, 0.045, 0.0),
    ("my_trips", 8, 0.008, 0.0),
    ("add_leg", 5, 0.015, 0.22),
    ("create_trip", 4, 0.011, 0.02),
    ("search_trip_plans", 3, 0.900, 0.08),
)
FAILURES: Final = (
    ("tool_error", "ToolError", "No airport has the code 'QQQ'. Call search_airports with the name of a city."),
    ("invalid", "InvalidArguments", "origin: Field required"),
    ("forbidden", "", "Insufficient scope: trips is required"),
    ("failed", "OperationalError", "testproject/airports/geometry.py:41 in great_circle"),
    ("throttled", "TooManyCalls", "Too many calls: wait 12 seconds"),
)
MISSING: Final = (
    ("Book a seat on a leg of a trip", "The user wants to buy the trip that was planned"),
    ("Weather at an airport on a day", "Packing for a trip to Oslo"),
    ("Prices of a route", "Comparing two ways to Tokyo"),
)


class Command(BaseCommand):
    help = "Load a busy week of sessions and calls, so that the operators' pages of the admin have something to show."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--calls", type=int, default=20_000, help="how many calls (20000)")
        parser.add_argument("--seed", type=int, default=7, help="the same number gives the same data")

    def handle(self, *args: Any, calls: int, seed: int, **options: Any) -> None:
        chance, now = random.Random(seed), timezone.now()
        users = [get_user_model().objects.get_or_create(username=name)[0] for name in USERS]
        sessions = load_sessions(users, now, chance)
        Call.objects.bulk_create(made_calls(calls, sessions, now, chance), batch_size=2000)
        load_operations(users, sessions, now)
        now_and_later = (now, now + timedelta(seconds=20))
        for moment in now_and_later:
            catch_up(portions=1000, now=moment)
        self.stdout.write(f"Loaded {len(sessions)} sessions and {calls} calls.")


def load_sessions(users: list[Any], now: datetime, chance: random.Random) -> list[Session]:
    """Sessions of the last hours, some with an open stream, waiting events and subscriptions."""
    made = []
    for _ in range(120):
        user = chance.choice(users)
        name, version, protocol, _weight = chance.choices(CLIENTS, [one[3] for one in CLIENTS])[0]
        age = timedelta(minutes=chance.expovariate(1 / 90))
        is_open = age < timedelta(minutes=50) and chance.random() < 0.6
        made.append(
            Session(
                server="airports",
                user=user,
                principal=f"user:{user.pk}",
                protocol_version=protocol,
                client_info={"name": name, "version": version},
                client_name=name,
                client_capabilities={"elicitation": {}},
                state={"trip": chance.randrange(100)},
                created_at=now - age,
                last_seen_at=now - age / 2,
                expires_at=now - age / 2 + timedelta(hours=1),
                terminated_at=now - age / 2 if chance.random() < 0.1 else None,
                stream_holder="demo" if is_open else "",
                stream_lease_until=now + timedelta(hours=1) if is_open else None,
            )
        )
    Session.objects.bulk_create(sorted(made, key=lambda session: session.created_at))
    sessions = list(Session.objects.order_by("-pk")[: len(made)])
    for session in sessions[:6]:
        events = range(1, 2 + session.pk % 5)
        Event.objects.bulk_create(Event(session=session, stream="s", sequence=one, message="{}") for one in events)
        Subscription.objects.create(session=session, uri="airport://LHR", uri_key=f"demo-{session.pk}")
    return sessions


def made_calls(number: int, sessions: list[Session], now: datetime, chance: random.Random) -> Iterator[Call]:
    """Calls of a week, the more the later."""
    for _ in range(number):
        age = timedelta(hours=chance.choices((1, 24, 168), (2, 3, 5))[0] * chance.random())
        session = chance.choice(sessions)
        tool, _weight, usual, errors = chance.choices(TOOLS, [one[1] for one in TOOLS])[0]
        outcome, error_class, message = "ok", "", ""
        if chance.random() < errors:
            outcome, error_class, message = chance.choice(FAILURES)
        yield Call(
            started_at=now - age,
            seconds=usual * chance.lognormvariate(0, 0.7),
            method="tools/call",
            name=tool,
            outcome=outcome,
            error_class=error_class,
            message=message,
            user_pk=str(session.user_id),
            user_name=str(session.user),
            principal=session.principal,
            client_name=session.client_name,
            client_version=str(session.client_info["version"]),
            server="airports",
            path="/mcp",
            lane="asgi",
            era="modern" if session.protocol_version >= "2026" else "handshake",
            protocol_version=session.protocol_version,
            session_pk=session.pk,
            session_start=session.session_id[:8],
            request_id=str(chance.randrange(100)),
            key=f"{chance.getrandbits(96):024x}",
            round=0,
            queries=chance.randrange(1, 9),
            rows=chance.randrange(60),
            result_bytes=chance.randrange(100, 9000),
            arguments={"query": chance.choice(["Oslo", "London", "Tokyo"]), "limit": 5},
        )


def load_operations(users: list[Any], sessions: list[Session], now: datetime) -> None:
    """Running calls, switches and reports, as if two processes served."""
    Process.objects.filter(name__startswith="web-").delete()
    processes = [
        Process.objects.create(
            name=f"web-{number}:{4000 + number}:demo",
            started_at=now - timedelta(hours=7 * number),
            seen_at=now + timedelta(minutes=30),
            running=2 + number,
            streams=20 + 3 * number,
        )
        for number in (1, 2)
    ]
    for number, session in enumerate(sessions[:4]):
        RunningCall.objects.create(
            process=processes[number % 2],
            number=number,
            started_at=now - timedelta(seconds=4 + 40 * number),
            server="airports",
            method="tools/call",
            name=("search_trip_plans", "route")[number % 2],
            principal=session.principal,
            user_name=str(session.user),
            client_name=session.client_name,
            session_pk=session.pk,
        )
    for kind, name, reason in (("tool", "delete_trip_plan", "It deletes too much"), ("user", "joan", "Stolen laptop")):
        target = find_target(kind, name)
        if not Switch.objects.filter(target=target.key, is_stopped=True).exists():
            stop(target, reason=reason, until=now + timedelta(hours=2) if kind == "tool" else None, by=users[1])
    for number, (wanted, why) in enumerate(MISSING):
        MissingCapability.objects.get_or_create(
            wanted=wanted,
            defaults={
                "why": why,
                "server": "airports",
                "user_name": USERS[number],
                "client_name": CLIENTS[number][0],
                "reported_at": now - timedelta(hours=5 * number),
            },
        )
    Upkeep.objects.update_or_create(job="swept", defaults={"ran_at": now - timedelta(minutes=12)})
