"""The tools that every server of the benchmark has, as plain functions: the same names, arguments and results."""


async def add(a: int, b: int) -> int:
    """Add two integers."""
    return a + b


def add_sync(a: int, b: int) -> int:
    """Add two integers."""
    return a + b


def length(text: str) -> int:
    """How many characters a text has."""
    return len(text)


def page(size: int) -> str:
    """A text of a size."""
    return "x" * size


def find(query: str, limit: int = 10, tags: list[str] | None = None) -> list[str]:
    """Find what a query asks for.

    Args:
        query: what to look for, in any case
        limit: how many to return, 1 to 50
        tags: only those with one of these tags
    """
    return [query]


MANY = 300
"""How many tools the server with a long list has, each like `find`."""
