"""Whole conversations of a handshake client: `initialize`, `notifications/initialized`, `tools/call`, DELETE, again and
again on some connections. `python -m benchmarks.cycles [--rounds 5] [--seconds 2]`

The load is made in Python, which is quick enough: a conversation is four requests, and a server makes fewer of them
than of calls.
"""

import argparse
import asyncio
import contextlib
import json
import os
import time

from .load import CONNECTIONS
from .serve import Contest, Score, apps, databases, pick_cores, report
from .servers import HANDSHAKE, Contestant


class Conversation(asyncio.Protocol):
    """A connection on which one conversation follows another."""

    def __init__(self, port: int, path: str, done: list[float]) -> None:
        self._head = f"Host: 127.0.0.1:{port}\r\nAccept: application/json, text/event-stream\r\n"
        self._path, self._done = path, done
        client = {"protocolVersion": HANDSHAKE, "capabilities": {}, "clientInfo": {"name": "bench", "version": "1"}}
        call = {"name": "add", "arguments": {"a": 2, "b": 3}}
        self._messages = (
            {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": client},
            {"jsonrpc": "2.0", "method": "notifications/initialized"},
            {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": call},
            None,
        )
        self._step = 0
        self._session = ""
        self._received = b""
        self.failure: str | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not found:
            return
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        if len(body) < int(fields.get(b"content-length", 0)):
            return
        if not head.startswith((b"HTTP/1.1 20",)) or (self._step == 2 and b'"5"' not in body):
            self.failure = self._received.decode()
            self._transport.abort()
            return
        if self._step == 0:
            # Ids are case-sensitive, so it is read from what was not lowered.
            at = head.lower().index(b"mcp-session-id: ") + len(b"mcp-session-id: ")
            self._session = head[at:].partition(b"\r\n")[0].decode()
        self._received = b""
        self._step = (self._step + 1) % len(self._messages)
        if self._step == 0:
            self._session = ""
            self._done.append(time.perf_counter())
        self._send()

    def _send(self) -> None:
        message = self._messages[self._step]
        body = b"" if message is None else json.dumps(message).encode()
        method = "DELETE" if message is None else "POST"
        head = f"{method} {self._path} HTTP/1.1\r\n{self._head}Content-Length: {len(body)}\r\n"
        if message is not None:
            head += "Content-Type: application/json\r\n"
        if self._session:
            head += f"Mcp-Session-Id: {self._session}\r\nMCP-Protocol-Version: {HANDSHAKE}\r\n"
        self._transport.write(head.encode() + b"\r\n" + body)


async def converse(port: int, path: str, seconds: float) -> int:
    """How many conversations came to their end."""
    loop = asyncio.get_running_loop()
    done: list[float] = []
    pairs = [
        await loop.create_connection(lambda: Conversation(port, path, done), "127.0.0.1", port)
        for _ in range(CONNECTIONS)
    ]
    await asyncio.sleep(seconds)
    for transport, conversation in pairs:
        transport.abort()
        if conversation.failure:
            raise SystemExit(conversation.failure)
    return len(done)


def hold(contest: Contest, rounds: int, seconds: float) -> list[Score]:
    """The scores of the contestants, by turns."""
    server_core, load_core = pick_cores()
    if load_core is not None:
        os.sched_setaffinity(0, {load_core})
    scores = [Score() for _ in contest.contestants]
    with contextlib.ExitStack() as stack:
        servings = [stack.enter_context(one.server.serving(server_core)) for one in contest.contestants]
        for contestant, serving in zip(contest.contestants, servings, strict=True):
            asyncio.run(converse(serving.port, contestant.path, 0.5))
        for _ in range(rounds):
            for contestant, serving, score in zip(contest.contestants, servings, scores, strict=True):
                before = serving.cpu_seconds() or 0
                count = asyncio.run(converse(serving.port, contestant.path, seconds))
                score.per_second.append(count / seconds)
                score.cpu.append(((serving.cpu_seconds() or 0) - before) / count * 1e6)
                score.latency_ms.append(CONNECTIONS / (count / seconds) * 1e3)
    return scores


def main() -> None:
    parser = argparse.ArgumentParser(description="Whole conversations, by turns.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2)
    options = parser.parse_args()
    with databases() as (sqlite, _, postgres):
        ours, sdk, fastmcp = apps(f"sqlite:///{sqlite}")
        on_postgres = [Contestant("ours, PostgreSQL", apps(postgres)[0], "/bench/mcp", "handshake")] if postgres else []
        contest = Contest(
            "cycles",
            "initialize, initialized, tools/call, DELETE, uvicorn",
            (
                Contestant("ours, SQLite", ours, "/bench/mcp", "handshake"),
                *on_postgres,
                Contestant("official SDK, in memory, JSON", sdk, "/mcp", "handshake"),
                Contestant("FastMCP, in memory, JSON", fastmcp, "/mcp", "handshake"),
            ),
        )
        scores = hold(contest, options.rounds, options.seconds)
        report(contest, scores)
        if on_postgres:
            report(Contest("cycles", "the same rounds, beside PostgreSQL", contest.contestants[1:]), scores[1:])


if __name__ == "__main__":
    main()
