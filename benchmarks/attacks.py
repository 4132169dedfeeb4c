"""The attacks of a stranger: `python -m benchmarks.attacks NAME PORT SECONDS` attacks the one at a port.

Prints how often each status was the answer. `benchmarks.stranger` runs these, each in a process of its own.
"""

import asyncio
import base64
import itertools
import json
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import Any, TypeAlias

from .wires import call, connection, exchange, initialize, modern, open_session, request_bytes

MIB = 1024 * 1024
SIZE = 4 * MIB - 1024
"""Just under the body that a server takes by default."""

Strike: TypeAlias = Callable[[], Awaitable[Any]]
Request: TypeAlias = tuple[str, bytes, dict[str, str]]
"""Path, body, headers."""


class Attack:
    """One attack on a port, until `is_over()`. `seen` counts what was answered."""

    def __init__(self, port: int, seconds: float) -> None:
        self.port = port
        self.seen: Counter[str] = Counter()
        self._ends_at = time.monotonic() + seconds

    def is_over(self) -> bool:
        return time.monotonic() >= self._ends_at

    async def post(
        self, path: str, body: bytes, headers: dict[str, str], method: str = "POST", patience: float = 60
    ) -> None:
        """Sends one request, and gives it up at the end or after so many seconds."""
        try:
            async with asyncio.timeout(min(max(self._ends_at - time.monotonic(), 0.1), patience)):
                answer = await exchange(self.port, path, body, headers, method)
        except (TimeoutError, OSError) as error:
            self.seen[type(error).__name__] += 1
        else:
            self.seen[str(answer.status)] += 1

    async def repeat(self, strikes: Iterator[Strike], at_once: int) -> None:
        """Makes one strike after the other, some at once."""

        async def one_after_the_other() -> None:
            while not self.is_over():
                await next(strikes)()

        await asyncio.gather(*(one_after_the_other() for _ in range(at_once)))

    async def hold(self, path: str, requests: list[bytes], reads: bool) -> None:
        """Sends each on a connection of its own and keeps it open to the end; or hangs up after the first byte."""

        async def one(data: bytes) -> None:
            try:
                async with asyncio.timeout(max(self._ends_at - time.monotonic(), 0.1)):
                    async with connection(self.port) as (reader, writer):
                        writer.write(data)
                        await writer.drain()
                        head = await reader.read(1024)
                        self.seen[head[9:12].decode() or "0"] += 1
                        while reads and not self.is_over():
                            await asyncio.sleep(0.2)
            except (TimeoutError, OSError) as error:
                self.seen[type(error).__name__] += 1

        await asyncio.gather(*(one(data) for data in requests))


def _filled(before: bytes, unit: bytes, after: bytes) -> bytes:
    count = (SIZE - len(before) - len(after)) // (len(unit) + 1)
    return before + b",".join([unit] * count) + after


PARAMS = b'{"jsonrpc":"2.0","method":"notifications/x","params":{"x":['
LARGE = (
    _filled(b"[", b'{"jsonrpc":"2.0","method":"notifications/initialized"}', b"]"),
    _filled(PARAMS, b"[]", b"]}}"),
    _filled(PARAMS, b'{"a":{}}', b"]}}"),
    _filled(PARAMS, b"1.5e300", b"]}}"),
    PARAMS + b'"' + b"\\u00e9" * ((SIZE - 100) // 6) + b'"]}}',
)


def _posts(attack: Attack, requests: list[Request], patience: float = 60) -> Iterator[Strike]:
    """One request after the other, again and again."""
    return (partial(attack.post, *request, patience=patience) for request in itertools.cycle(requests))


async def large_closed(attack: Attack) -> None:
    """4 MiB of messages, arrays, objects, numbers and escapes to an endpoint that answers 401."""
    headers = {"Mcp-Session-Id": "x", "MCP-Protocol-Version": "2025-03-26"}
    await attack.repeat(
        ((lambda body=body: attack.post("/closed", body, headers)) for body in itertools.cycle(LARGE)), 3
    )


async def large_open(attack: Attack) -> None:
    """The same, in a session of an open one."""
    headers = await open_session(attack.port, "/mcp", "2025-03-26")
    await attack.repeat(_posts(attack, [("/mcp", body, headers) for body in LARGE]), 3)


async def last_byte(attack: Attack) -> None:
    """Bodies of 4 MiB that lack their last byte."""
    held = [request_bytes(path, LARGE[0], {})[:-1] for path in ["/mcp"] * 80 + ["/closed"] * 40]
    await attack.hold("/mcp", held, reads=True)


def _listen(uris: list[str]) -> tuple[bytes, dict[str, str]]:
    return modern("subscriptions/listen", {"notifications": {"resourceSubscriptions": uris}})


async def long_uris(attack: Attack) -> None:
    """Subscriptions to URIs of hyphens, within the limits and beyond, and reading such ones."""
    uris = ["two://" + "-" * 4080, "three://" + "-" * 4080]
    asks = [("/mcp", *_listen(uris * 50)), ("/mcp", *_listen(uris * 3))]
    asks += [("/mcp", *modern("resources/read", {"uri": uri}, uri)) for uri in uris]
    # A subscription that is taken is a stream, which is left at once.
    await attack.repeat(_posts(attack, asks, patience=0.5), 8)


async def many_uris(attack: Attack) -> None:
    """A subscription to 380 000 URIs."""
    body, headers = _listen([f"a://{number:x}" for number in range(300_000)])
    await attack.repeat(_posts(attack, [("/mcp", body, headers)]), 2)


async def waiting_calls(attack: Attack) -> None:
    """300 questions to clients that hang up, half of them in a transaction."""
    sessions = [await open_session(attack.port, "/mcp") for _ in range(10)]
    tools = ("ask", "ask_late")
    calls = [request_bytes("/mcp", call(tools[number % 2], number + 1), sessions[number % 10]) for number in range(300)]
    await attack.hold("/mcp", calls, reads=False)
    while not attack.is_over():
        await asyncio.sleep(0.1)


async def batches(attack: Attack) -> None:
    """A batch of 1 000 calls, of 150 and of 50 reads of a megabyte."""
    headers = await open_session(attack.port, "/mcp", "2025-03-26")
    read = json.dumps(
        {"jsonrpc": "2.0", "id": 1, "method": "resources/read", "params": {"uri": "large://file"}}
    ).encode()
    bodies = [[call("add", 1, a=1, b=2)] * 1000, [read] * 150, [read] * 50, [call("add", 1, a=1, b=2)] * 50]
    encoded = [b"[" + b",".join(messages) + b"]" for messages in bodies]
    await attack.repeat(_posts(attack, [("/mcp", body, headers) for body in encoded]), 4)


async def sessions(attack: Attack) -> None:
    """Sessions with 60 KB of clientInfo, opened and deleted."""
    opening = initialize(title="x" * 60_000)

    async def open_and_end() -> None:
        answer = await exchange(attack.port, "/mcp", opening, {})
        attack.seen[str(answer.status)] += 1
        if session := answer.headers.get("mcp-session-id"):
            await attack.post("/mcp", b"", {"Mcp-Session-Id": session}, "DELETE")

    await attack.repeat(itertools.repeat(open_and_end), 4)


async def hanging_issuer(attack: Attack) -> None:
    """Worthless tokens, about which an issuer is asked that never answers."""
    issuer = f"http://127.0.0.1:{sys.argv[4]}"
    body, headers = modern("tools/list", {})

    def strike(number: int) -> Strike:
        parts = (
            {"alg": "RS256", "kid": f"k{number}"},
            {"iss": issuer, "aud": "attacked", "exp": 9999999999, "sub": "a"},
        )
        encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts]
        token, path = (".".join((*encoded, "c2ln")), "/jwt") if number % 2 else (f"opaque{number}", "/opaque")
        return lambda: attack.post(path, body, {**headers, "Authorization": f"Bearer {token}"})

    await attack.repeat((strike(number) for number in itertools.count()), 40)


async def registrations(attack: Attack) -> None:
    """OAuth clients that register themselves, from addresses of their own invention, some with 20 000 redirects."""

    def strike(number: int) -> Strike:
        redirects = [f"https://a.example.com/{one}" for one in range(20_000 if number % 5 == 0 else 1)]
        body = json.dumps(
            {"client_name": "x", "redirect_uris": redirects, "token_endpoint_auth_method": "none"}
        ).encode()
        return lambda: attack.post("/oauth/register/", body, {"X-Forwarded-For": f"203.0.113.{number % 250}"})

    await attack.repeat((strike(number) for number in itertools.count()), 4)


ATTACKS: dict[str, Callable[[Attack], Awaitable[None]]] = {
    "large-closed": large_closed,
    "large-open": large_open,
    "last-byte": last_byte,
    "long-uris": long_uris,
    "many-uris": many_uris,
    "waiting-calls": waiting_calls,
    "batches": batches,
    "sessions": sessions,
    "hanging-issuer": hanging_issuer,
    "registrations": registrations,
}


def main() -> None:
    name, port, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    attack = Attack(port, seconds)
    asyncio.run(ATTACKS[name](attack))
    print(json.dumps(attack.seen))


if __name__ == "__main__":
    main()
