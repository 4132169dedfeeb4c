"""One addition, in both colours."""

from django_mcp import MCPServer

bench = MCPServer("bench", version="1.0")


@bench.tool(read_only=True)
async def add(a: int, b: int) -> int:
    """Add two integers, in a coroutine."""
    return a + b


@bench.tool(read_only=True)
def add_sync(a: int, b: int) -> int:
    """Add two integers, in a plain function."""
    return a + b
