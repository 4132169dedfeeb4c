"""Servers with skills: from folders, from functions, and some that not everybody may see."""

from django.urls import path
from rest_framework.authentication import TokenAuthentication

from django_mcp import Context, MCPServer
from django_mcp.contrib.skills import Skills
from django_mcp.urls import endpoint

skills = Skills(apps=["conformance"], permissions={"conformance/greet-politely": "auth.add_group"})
server = MCPServer("skilled", version="1", extensions=[skills], page_size=2)

calls: list[str] = []


@skills.skill(under="shop", files={"scripts/a b/check.py": "print('é')\r\n", "logo.png": b"\x89PNG\xff"})
def count_stock() -> str:
    """How to count the stock."""
    calls.append("count_stock")
    return f"Count all {len(calls)}.\r\n"


@skills.skill(under="shop", name="mine", description='Yours: "all" of it', template="mcp/prompts/packing_list.md")
async def of_user(ctx: Context) -> dict[str, str]:
    return {"month": ctx.user.get_username() or "May"}


@skills.skill(under="shop", scopes=["stock"], permission=lambda principal: principal.user.is_authenticated)
def secret_stock() -> str:
    """How to count the secret stock."""
    return "Do not."


urlpatterns = [path("skilled", endpoint(server, public=True, authentication_classes=[TokenAuthentication]))]
