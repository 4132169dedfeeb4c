"""A fuzzer of bodies and headers that sees which lines it reaches. No input may raise an exception, a refusal is JSON,
and a body is read as the standard library reads it.

    pip install --group fuzz
    python -m tests.fuzz.coverage_guided corpus/ -runs=1000000
"""

import json
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["django_mcp.protocol"]):
    from django_mcp.protocol import inbound
    from django_mcp.protocol.inbound import Batch, Inbound, Limits
    from django_mcp.protocol.replies import Reply

from tests import wire

LIMITS = Limits(body_bytes=10_000, json_depth=32)
NAMES = (
    ("content-type", "application/json"),
    ("accept", "application/json, text/event-stream"),
    ("mcp-protocol-version", "2026-07-28"),
    ("mcp-method", "tools/call"),
    ("mcp-name", "greet"),
    ("mcp-session-id", "s"),
)


def read_one(data: bytes) -> None:
    """The first byte says which headers are as they should be, a line each the others, the rest is the body."""
    right, rest = data[:1] or b"\xff", data[1:]
    headers = {}
    for number, (name, value) in enumerate(NAMES):
        if right[0] >> number & 1:
            headers[name] = value
        else:
            line, _, rest = rest.partition(b"\n")
            headers[name] = line.decode("latin-1")
    found = inbound.read(headers, rest, LIMITS, ("handshake", "modern"))
    if isinstance(found, Reply):
        assert 400 <= found.status < 500, found
        json.loads(found.body)
    elif isinstance(found, Inbound):
        assert found.message == json.loads(rest), found
    else:
        assert isinstance(found, Batch), found
        assert len(found.messages) <= len(json.loads(rest)), found


def write_seeds(corpus: Path) -> None:
    """A first corpus of messages of each kind and era: from nothing, the fuzzer rarely finds its way past the JSON."""
    corpus.mkdir(parents=True, exist_ok=True)
    messages = [
        wire.initialize(),
        wire.request("tools/call", {"name": "greet", "arguments": {"name": "Ada"}}),
        wire.modern_request("tools/call", {"name": "greet", "arguments": {"name": "Ada"}}),
        wire.modern_request("resources/read", {"uri": "airport://ZRH"}, "id"),
        wire.notification(),
        wire.answer({"action": "accept"}),
        wire.error(-32600, "No", 1),
        [wire.request("ping"), wire.notification("notifications/cancelled")],
    ]
    for number, message in enumerate(messages):
        for right in (b"\xff", b"\xf3\n\n", b"\xdf", b"\xeftools/call\n"):
            (corpus / f"seed-{number}-{right[0]:x}").write_bytes(right + json.dumps(message).encode())


if __name__ == "__main__":
    if corpora := [Path(argument) for argument in sys.argv[1:] if not argument.startswith("-")]:
        write_seeds(corpora[0])
    atheris.Setup(sys.argv, read_one)
    atheris.Fuzz()
