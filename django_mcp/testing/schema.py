"""The lock file of `manage.py mcp_schema`, as an assertion."""

from collections.abc import Sequence
from io import StringIO
from pathlib import Path

from django.core.management import CommandError, call_command

# unittest leaves frames of such modules out of tracebacks.
__unittest = True


def assert_schema_unchanged(file: str | Path = "mcp.lock.json", *, servers: Sequence[str] = ()) -> None:
    """All that clients see is as it is in the lock file. Raises `AssertionError` with each change, and says which break
    clients. `servers` are names; none means every server that has something.
    """
    __tracebackhide__ = True
    said = StringIO()
    try:
        call_command("mcp_schema", check=True, file=Path(file), server=list(servers) or None, stdout=said)
    except CommandError as error:
        raise AssertionError(f"{said.getvalue()}{error}") from None
