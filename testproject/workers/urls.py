"""The server of the demo: a call that takes its time, notes that change, and a question."""

import os
import threading
from typing import Any

from django.contrib.auth import get_user_model
from django.urls import path
from pydantic import BaseModel

from django_mcp import Context, MCPServer
from django_mcp.urls import endpoint
from testproject.airports.models import TripPlan, TripPlanQuerySet

workers = MCPServer("workers", version="1.0")

STEP_SECONDS = 0.2
"""The time of one step of work, so that a person can follow it."""


class Name(BaseModel):
    name: str


def trips() -> TripPlanQuerySet:
    return TripPlan.objects.filter(owner__username="workers")


@workers.tool(read_only=True)
def who_are_you() -> int:
    """Say which process answers."""
    return os.getpid()


@workers.tool(destructive=False)
def plan_trips(count: int, ctx: Context) -> int:
    """Plan trips, one after the other, in one transaction."""
    pace = threading.Event()
    for number in range(1, count + 1):
        ctx.progress(number, count, f"trip {number}")
        pace.wait(STEP_SECONDS)
    # After the last message: SQLite has one writer at a time, and messages are rows too.
    owner, _ = get_user_model().objects.get_or_create(username="workers")
    TripPlan.objects.bulk_create(TripPlan(owner=owner, name=f"Trip {number}") for number in range(count))
    return trips().count()


@workers.tool(read_only=True)
def count_trips() -> int:
    """Say how many trips are planned."""
    return trips().count()


@workers.tool
def forget_trips() -> int:
    """Delete the trips of an earlier demo."""
    return trips().delete()[0]


@workers.tool(destructive=False)
def change_note(number: int) -> int:
    """Change a note, and tell those who follow it."""
    workers.notify_resource_updated(f"note://{number}")
    return os.getpid()


@workers.tool(destructive=False)
async def greet(ctx: Context) -> str:
    """Ask for a name."""
    answer = await ctx.aelicit("Your name?", Name)
    return f"Hello, {answer.data.name if answer.data else 'stranger'}, from {os.getpid()}"


@workers.resource("note://{number}")
def note(number: int) -> dict[str, Any]:
    """A note that changes."""
    return {"number": number}


urlpatterns = [path("mcp", endpoint(workers, public=True))]
