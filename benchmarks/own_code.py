"""The cost of our own code per message: `python -m benchmarks.own_code [--repeats 9] [--seconds 0.2]`.

No I/O, no framework, no event loop: a body goes in, a reply comes out. The steps are those of every lane: `read` the
message, `prepare` the call, `run` the tool's function and turn what it returned into a result, `finish` the reply.
Each step is timed by itself as well as in the row. A second table has what the audit adds to an exchange.
"""

import argparse
import json
import os
import platform
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from statistics import median
from time import process_time
from timeit import Timer
from typing import Any

import django
from django.conf import settings

if not settings.configured:
    # Tests import this too: what they start must not inherit these.
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "testproject.settings")
    os.environ.setdefault("OPERATIONS", "0")
django.setup()

# The package knows models, so it is imported once Django has loaded its apps.
from django.core import mail  # noqa: E402
from django.db import connections, transaction  # noqa: E402

from django_mcp import MCPServer  # noqa: E402
from django_mcp.authentication import anonymous_caller  # noqa: E402
from django_mcp.contrib.audit import recorder  # noqa: E402
from django_mcp.contrib.audit.models import Call as AuditedCall  # noqa: E402
from django_mcp.contrib.audit.writer import BATCH, _insert, writer  # noqa: E402
from django_mcp.endpoint.exchange import Exchange  # noqa: E402
from django_mcp.methods.answering import finish, prepare  # noqa: E402
from django_mcp.methods.request import Call, Outcome  # noqa: E402
from django_mcp.protocol import inbound  # noqa: E402
from django_mcp.protocol.inbound import Inbound, Limits  # noqa: E402
from django_mcp.protocol.replies import Reply  # noqa: E402
from django_mcp.protocol.versions import LATEST_HANDSHAKE, LATEST_MODERN, Era  # noqa: E402
from django_mcp.storage.session_state import SessionState  # noqa: E402

from .tables import print_table  # noqa: E402

ERAS: tuple[Era, ...] = ("handshake", "modern")
LIMITS = Limits(body_bytes=4 * 1024 * 1024, json_depth=64)
CALLER = anonymous_caller(lambda: None)
BUDGET_MICROSECONDS = 60
AUDIT_BUDGET_MICROSECONDS = 40
MEMORY = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:", "OPTIONS": {}}

SESSION = SessionState(
    pk=1,
    session_id="s" * 43,
    server="bench",
    principal="",
    user_id=None,
    protocol_version=LATEST_HANDSHAKE,
    log_level="info",
    client_info_text='{"name": "bench", "version": "1"}',
    client_capabilities_text="{}",
    state_text="{}",
)

server = MCPServer("bench", version="1.0")
large_server = MCPServer("large", version="1.0")


@server.tool(read_only=True)
def add(a: int, b: int) -> int:
    """Add two integers."""
    return a + b


@server.tool(read_only=True)
def length(text: str) -> int:
    """How many characters a text has."""
    return len(text)


@server.tool(read_only=True)
def page(size: int) -> str:
    """A text of a size."""
    return "x" * size


def make_tool(number: int) -> None:
    @large_server.tool(name=f"tool_{number}", title=f"Tool {number}", read_only=True)
    def tool(query: str, limit: int = 10, tags: list[str] | None = None) -> list[str]:
        """Find what a query asks for.

        Args:
            query: what to look for, in any case
            limit: how many to return, 1 to 50
            tags: only those with one of these tags
        """
        return [query]


for number in range(300):
    make_tool(number)


@dataclass(frozen=True, slots=True)
class Case:
    """A message to a server, as a client of either era sends it. `budget`: whether a `tools/call`'s budget applies."""

    name: str
    server: MCPServer
    method: str
    params: Mapping[str, Any] = field(default_factory=dict)
    budget: bool = False


CASES = (
    Case("tools/call add", server, "tools/call", {"name": "add", "arguments": {"a": 1, "b": 2}}, budget=True),
    Case(
        "tools/call, 100 KB argument",
        server,
        "tools/call",
        {"name": "length", "arguments": {"text": "x" * 100_000}},
    ),
    Case("tools/call, 1 MB result", server, "tools/call", {"name": "page", "arguments": {"size": 1_000_000}}),
    Case("tools/list of 300", large_server, "tools/list"),
)


@dataclass(frozen=True, slots=True)
class Sent:
    """A case in the bytes and headers of an era."""

    case: Case
    era: Era
    body: bytes
    headers: dict[str, str]

    def read(self) -> Inbound:
        message = inbound.read(self.headers, self.body, LIMITS, ERAS)
        if not isinstance(message, Inbound):
            raise SystemExit(f"{self.case.name}, {self.era}: refused: {message}")
        return message

    def prepare(self, message: Inbound) -> Any:
        return prepare(self.case.server, message, SESSION if self.era == "handshake" else None, CALLER)

    def answer(self) -> Reply:
        step = self.prepare(self.read())
        return finish(step, run(step)) if isinstance(step, Call) else step


def run(call: Call) -> Outcome:
    return Outcome(call.to_result(call.function(**call.kwargs)))


def send(case: Case, era: Era) -> Sent:
    """A case as the official clients send it, with the headers that an HTTP library adds."""
    version = LATEST_MODERN if era == "modern" else LATEST_HANDSHAKE
    headers = {
        "host": "127.0.0.1:8000",
        "accept-encoding": "gzip, deflate",
        "connection": "keep-alive",
        "user-agent": "bench",
        "content-type": "application/json",
        "accept": "application/json, text/event-stream",
        "mcp-protocol-version": version,
    }
    params = dict(case.params)
    if era == "modern":
        headers["mcp-method"] = case.method
        if "name" in params:
            headers["mcp-name"] = params["name"]
        params["_meta"] = {
            "io.modelcontextprotocol/protocolVersion": version,
            "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {},
        }
    else:
        headers["mcp-session-id"] = SESSION.session_id
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": case.method, "params": params}).encode()
    return Sent(case, era, body, {**headers, "content-length": str(len(body))})


@dataclass(frozen=True, slots=True)
class Timing:
    """Microseconds of one run: the median of the repeats, the least and the most."""

    median: float
    least: float
    most: float

    @property
    def spread(self) -> str:
        return f"{self.least:.1f}-{self.most:.1f}"


def time_it(function: Callable[[], object], repeats: int, seconds: float) -> Timing:
    # Time of the processor, so that what else the machine does counts for little. timeit turns the garbage collector
    # off; a server runs with it.
    timer = Timer(function, setup="import gc; gc.enable()", timer=process_time)
    once = max(timer.timeit(10) / 10, 1e-7)
    number = max(5, int(seconds / once))
    times = [total / number * 1e6 for total in timer.repeat(repeats, number)]
    return Timing(median(times), min(times), max(times))


def check(sent: Sent) -> None:
    """Ends the program unless the answer is the right one: a fast refusal is no result."""
    reply = sent.answer()
    result = json.loads(reply.body).get("result", {})
    match sent.case.params.get("name"):
        case "add":
            right = result.get("structuredContent") in (3, {"result": 3})
        case "length":
            right = result.get("structuredContent") in (100_000, {"result": 100_000})
        case "page":
            right = len(result["content"][0]["text"]) == 1_000_000
        case _:
            right = len(result["tools"]) == 300
    if reply.status != 200 or result.get("isError") or not right:
        raise SystemExit(f"{sent.case.name}, {sent.era}: {reply.status} {reply.body[:500]!r}")


def measure(sent: Sent, repeats: int, seconds: float) -> list[str]:
    """The row of a case: the steps, the whole, its spread, the budget."""
    check(sent)
    message = sent.read()
    step = sent.prepare(message)
    steps: list[Callable[[], object]] = [sent.read, lambda: sent.prepare(message)]
    if isinstance(step, Call):
        outcome = run(step)
        steps += [lambda: run(step), lambda: finish(step, outcome)]
    medians = [f"{time_it(function, repeats, seconds / 4).median:.1f}" for function in steps]
    whole = time_it(sent.answer, repeats, seconds)
    budget = f"{BUDGET_MICROSECONDS}" if sent.case.budget else ""
    return [sent.case.name, sent.era, *medians, *[""] * (4 - len(medians)), f"{whole.median:.1f}", whole.spread, budget]


def measure_audit(era: Era, repeats: int, seconds: float) -> list[str]:
    """The row of an audited call, buffered: an exchange without and with the audit, the difference, and its budget.
    Writing the row is the work of another thread, and is timed by itself.
    """
    sent = send(CASES[0], era)

    def answer() -> Reply:
        reply = Exchange(sent.case.server, "off", CALLER).answer(sent.read())
        # The buffer stays empty, as the writer's thread would keep it.
        writer._rows.clear()
        writer._characters = 0
        if not isinstance(reply, Reply) or reply.status != 200:
            raise SystemExit(f"{sent.case.name}, {era}: {reply!r}")
        return reply

    plain = time_it(answer, repeats, seconds)
    recorder.start()
    audited = time_it(answer, repeats, seconds)
    Exchange(sent.case.server, "off", CALLER).answer(sent.read())
    rows = [list(writer._rows[0]) for _ in range(BATCH)]
    recorder.stop()
    written = time_it(lambda: write_nowhere(rows), repeats, seconds).median / BATCH
    more = audited.median - plain.median
    return [
        *(f"{sent.case.name}, audited", era, f"{plain.median:.1f}", f"{audited.median:.1f}"),
        *(f"{more:.1f}", f"{written:.1f}", audited.spread, f"{AUDIT_BUDGET_MICROSECONDS}"),
    ]


def write_nowhere(rows: list[list[Any]]) -> None:
    """Writes rows as the writer does, into a table in memory that stays empty."""
    with suppress(Undone), transaction.atomic("memory"):
        _insert(rows)
        raise Undone


class Undone(Exception):
    """Rolls the rows back."""


def main() -> None:
    parser = argparse.ArgumentParser(description="Microseconds of our own code per message, without I/O.")
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.2, help="of each repeat")
    options = parser.parse_args()
    recorder.stop()  # The example project audits; the first table is without.
    print(f"{platform.python_implementation()} {platform.python_version()}, Django {django.__version__};", end=" ")
    print(f"microseconds, the median of {options.repeats} repeats")
    rows = [["", "era", "read", "prepare", "run", "finish", "whole", "least-most", "budget"]]
    rows += [measure(send(case, era), options.repeats, options.seconds) for case in CASES for era in ERAS]
    print_table(rows, labels=2)
    print()
    make_table()
    rows = [["", "era", "plain", "audited", "more", "writer", "least-most", "budget"]]
    rows += [measure_audit(era, options.repeats, options.seconds) for era in ERAS]
    print_table(rows, labels=2)


def make_table() -> None:
    """Makes the audit's table in memory, where the rows go; and lets no thread write them."""
    mail.outbox = []  # type: ignore[attr-defined]
    connections.settings["memory"] = {**connections.settings["default"], **MEMORY}
    settings.DATABASE_ROUTERS = [InMemory()]
    with connections["memory"].schema_editor() as editor:
        editor.create_model(AuditedCall)


class InMemory:
    """A database router: the audit's rows go into memory."""

    def db_for_write(self, model: Any, **hints: Any) -> str | None:
        return "memory" if model is AuditedCall else None


if __name__ == "__main__":
    main()
