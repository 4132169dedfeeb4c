"""Prints the tools of FastMCP for the ticket of tickets.py, written by hand: list, get, create, update, delete."""

import asyncio
import datetime
from typing import Annotated, Literal

from fastmcp import Client, FastMCP
from pydantic import BaseModel, Field

Status = Literal["new", "open", "waiting", "done"]
Title = Annotated[str, Field(max_length=200, description="one line, as the customer would say it")]
Priority = Annotated[int, Field(ge=0, le=32767, description="1 is the most urgent")]


class Ticket(BaseModel):
    id: int
    title: Title
    status: Annotated[Status, Field(description="open: Being worked on; waiting: Waits for the customer")]
    priority: Priority
    assigned_to: int | None
    due_on: datetime.date | None
    created_at: datetime.datetime


class Changes(BaseModel):
    title: Title | None = None
    status: Status | None = None
    priority: Priority | None = None
    assigned_to: int | None = None
    due_on: datetime.date | None = None


server = FastMCP("tickets")


@server.tool
def list_tickets(page: int = 1, limit: Annotated[int, Field(ge=1, le=100)] = 20) -> list[Ticket]:
    """List tickets."""
    return []


@server.tool
def get_ticket(pk: int) -> Ticket:
    """One ticket."""
    raise KeyError(pk)


@server.tool
def create_ticket(
    title: Title,
    status: Status = "new",
    priority: Priority = 3,
    assigned_to: int | None = None,
    due_on: datetime.date | None = None,
) -> Ticket:
    """Create one ticket."""
    raise KeyError(title)


@server.tool
def update_ticket(pk: int, changes: Changes) -> Ticket:
    """Change one ticket."""
    raise KeyError(pk)


@server.tool
def delete_ticket(pk: int) -> str:
    """Delete one ticket."""
    raise KeyError(pk)


async def main() -> None:
    async with Client(server) as client:
        tools = await client.list_tools()
    print("[" + ",".join(tool.model_dump_json(exclude_none=True, by_alias=True) for tool in tools) + "]")


asyncio.run(main())
