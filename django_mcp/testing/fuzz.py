"""Calls tools with arguments made from their schemas: each call must end in a result, an error that the model reads, or
a JSON-RPC error that says why; and never in an exception that the tool did not mean.

Needs Hypothesis: the extra `testing`.
"""

import json
import logging
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, Final

from django.core.exceptions import ImproperlyConfigured
from django.db import connections, transaction

from django_mcp.protocol.errors import INTERNAL_ERROR

from .answers import Answers
from .clients import MCPClient
from .responses import MCPError
from .transcript import shortened

try:
    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis import strategies as st
except ImportError as error:  # pragma: no cover
    raise ImproperlyConfigured(
        "django_mcp.testing.fuzz needs Hypothesis: pip install 'django-mcp-endpoints[testing]'."
    ) from error

from .strategies import arguments_of, values_of

# unittest leaves frames of such modules out of tracebacks.
__unittest = True

UNEXPECTED: Final = "failed unexpectedly. The server's log has the details."


def fuzz_tools(
    client: MCPClient, *, tools: Collection[str] | None = None, exclude: Collection[str] = (), examples: int = 50
) -> dict[str, Counter[str]]:
    """Calls each tool that the client sees, or `tools`, `examples` times: most arguments fit its schema, some do not.

    Returns how the calls of each tool have ended: `ok`, `error` (`isError`) and `refused` (a JSON-RPC error). Raises
    `AssertionError` with the smallest arguments on which a tool failed. In a `TestCase`, each call is undone. Questions
    of tools are answered with values that fit the form, unless the client has answers. The same calls are made each
    time.
    """
    __tracebackhide__ = True
    with _Answering(client) as answering:
        return _fuzz_all(client, answering, tools, exclude, examples)


def _fuzz_all(
    client: MCPClient,
    answering: "_Answering",
    tools: Collection[str] | None,
    exclude: Collection[str],
    examples: int,
) -> dict[str, Counter[str]]:
    __tracebackhide__ = True
    listed = {tool["name"]: tool["inputSchema"] for tool in client.list_tools()}
    if unknown := sorted({*(tools or ()), *exclude} - listed.keys()):
        raise ValueError(f"The client sees no tool {unknown[0]!r}; it sees {', '.join(sorted(listed))}.")
    chosen = [name for name in listed if name not in exclude and (tools is None or name in tools)]
    ends: dict[str, Counter[str]] = {name: Counter() for name in chosen}
    failures: list[AssertionError] = []
    for name in chosen:
        try:
            _fuzz(client, answering, name, listed[name], examples, ends[name])
        except AssertionError as failure:
            failures.append(failure)
    if failures:
        raise AssertionError("\n\n".join(str(failure) for failure in failures)) from failures[0].__cause__
    return ends


def _fuzz(
    client: MCPClient,
    answering: "_Answering",
    name: str,
    schema: Mapping[str, Any],
    examples: int,
    ends: Counter[str],
) -> None:
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        derandomize=True,
        phases=(Phase.generate, Phase.shrink),
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(arguments_of(schema), st.data())
    def call(arguments: dict[str, Any], data: Any) -> None:
        answering.data = data
        with _undone(), _logged() as logged:
            ends[_end_of(client, name, arguments, logged)] += 1

    call()


def _end_of(client: MCPClient, name: str, arguments: dict[str, Any], logged: list[BaseException]) -> str:
    try:
        result = client.call_tool(name, arguments)
    except MCPError as error:
        if error.code != INTERNAL_ERROR and error.status < 500:
            return "refused"
        raise _failure(name, arguments, str(error), logged) from _last(logged)
    if result.is_error and result.text.endswith(UNEXPECTED):
        raise _failure(name, arguments, "failed unexpectedly", logged) from _last(logged)
    return "error" if result.is_error else "ok"


def _failure(name: str, arguments: dict[str, Any], how: str, logged: list[BaseException]) -> AssertionError:
    cause = _last(logged)
    why = f"{type(cause).__name__}: {cause}" if cause is not None else how
    return AssertionError(
        f"The tool {name} failed with {shortened(json.dumps(arguments))}:\n  {shortened(why)}\n"
        "Say in its annotations what it takes, or raise ToolError with a text for the model."
    )


def _last(logged: list[BaseException]) -> BaseException | None:
    return logged[-1] if logged else None


@contextmanager
def _undone() -> Iterator[None]:
    """Undoes what is written inside, on the databases where the test itself is in a transaction."""
    with ExitStack() as stack:
        for connection in connections.all():
            if connection.in_atomic_block:
                stack.enter_context(transaction.atomic(using=connection.alias))
                stack.callback(transaction.set_rollback, True, using=connection.alias)
        yield


class _Answering:
    """Answers forms with values that fit them, or not at all, if the client answers no question itself."""

    data: Any = None

    def __init__(self, client: MCPClient) -> None:
        self._client = client
        self._before = client._answers, client.capabilities

    def __enter__(self) -> "_Answering":
        if self._client._answers:
            return self
        given = {"elicit": self._fill, "sample": lambda params: self.data.draw(st.text(max_size=20)), "roots": []}
        self._client._answers = Answers(given)
        self._client.capabilities = {**self._client._answers.capabilities(), **self._client.capabilities}
        if self._client.session_id is not None:
            # A session keeps the capabilities that it was opened with.
            self._client.initialize()
        return self

    def __exit__(self, *error: object) -> None:
        self._client._answers, self._client.capabilities = self._before

    def _fill(self, params: Mapping[str, Any]) -> Any:
        fitting = values_of(params["requestedSchema"]) if "requestedSchema" in params else st.just("accept")
        return self.data.draw(st.one_of(fitting, st.sampled_from(["decline", "cancel"])))


class _Exceptions(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[BaseException] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and record.exc_info[1] is not None:
            self.found.append(record.exc_info[1])


@contextmanager
def _logged() -> Iterator[list[BaseException]]:
    """The exceptions that are logged meanwhile: clients do not get to see them. Nothing is printed."""
    handler = _Exceptions()
    before = [(logger, logger.propagate) for logger in map(logging.getLogger, ("django_mcp", "django.request"))]
    for logger, _ in before:
        logger.addHandler(handler)
        logger.propagate = False
    try:
        yield handler.found
    finally:
        for logger, propagates in before:
            logger.removeHandler(handler)
            logger.propagate = propagates
