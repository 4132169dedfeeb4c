"""The tools that the benchmarks call: an addition in both colours, large arguments and results, rows, progress."""

import os

from django.contrib.auth.models import Permission

from django_mcp import Context, MCPServer

bench = MCPServer("bench", version="1.0")
many = MCPServer("bench-many", version="1.0")


@bench.tool(read_only=True)
async def add(a: int, b: int) -> int:
    """Add two integers, in a coroutine."""
    return a + b


@bench.tool(read_only=True)
def add_sync(a: int, b: int) -> int:
    """Add two integers, in a plain function."""
    return a + b


@bench.tool(read_only=True)
def length(text: str) -> int:
    """How many characters a text has."""
    return len(text)


@bench.tool(read_only=True)
def page(size: int) -> str:
    """A text of a size."""
    return "x" * size


@bench.tool(read_only=True)
def permission_name(codename: str) -> str:
    """Look one row up by an indexed column and another."""
    return Permission.objects.filter(codename=codename).values_list("name", flat=True)[0]


@bench.tool(read_only=True)
async def permission_name_async(codename: str) -> str:
    """Look the same row up, in a coroutine."""
    return await Permission.objects.filter(codename=codename).values_list("name", flat=True).aget()


@bench.tool(read_only=True)
async def steps(count: int, ctx: Context) -> int:
    """Report each of so many steps."""
    for step in range(count):
        ctx.progress(step + 1, count)
    return count


def find(query: str, limit: int = 10, tags: list[str] | None = None) -> list[str]:
    """Find what a query asks for.

    Args:
        query: what to look for, in any case
        limit: how many to return, 1 to 50
        tags: only those with one of these tags
    """
    return [query]


for number in range(int(os.environ.get("BENCH_TOOLS") or 300)):
    text = f"Find what a query asks for, on shelf {number}."
    many.tool(name=f"tool_{number}", title=f"Tool {number}", description=text, read_only=True)(find)
