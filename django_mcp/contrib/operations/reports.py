"""`report_missing_capability`: a tool by which a model says what it needed and no tool does."""

from datetime import timedelta
from typing import Annotated

from django.utils import timezone
from pydantic import Field

from django_mcp import Context, MCPServer, ToolError
from django_mcp.conf import mcp_settings
from django_mcp.models import label

from .models import MissingCapability, alias


def report_missing_capability(
    ctx: Context,
    wanted: Annotated[str, Field(min_length=3, max_length=500, description="what no tool of this server can do")],
    why: Annotated[str, Field(max_length=1000, description="the task for which it was needed")] = "",
) -> str:
    """Tell the people who run this server that a tool is missing. Use it when no tool here can do what a task needs.
    Write nothing private.
    """
    now = timezone.now()
    rows = MissingCapability.objects.using(alias())
    # A user may have many clients, each with a key of its own.
    account = ctx.principal.account
    own = rows.filter(principal=account, reported_at__gte=now - timedelta(days=1))
    if own.count() >= mcp_settings.OPERATIONS_REPORTS_PER_PRINCIPAL:
        raise ToolError("There are enough reports for today.")
    rows.create(
        server=ctx.server.name[:200],
        principal=account,
        user_name=label(str(ctx.user), 150) if ctx.principal.key else "",
        client_name=label(ctx.client_info.get("name"), 100),
        wanted=label(wanted, 500),
        why=label(why, 1000),
    )
    return "Thank you. The report is stored."


def offer_reports(server: MCPServer) -> None:
    """Registers the tool on a server."""
    server.tool(title="Report a missing tool", destructive=False, open_world=False)(report_missing_capability)
