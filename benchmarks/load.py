"""Load: one request over and over, each with an id of its own, on some connections at once, from one core.

By `wrk` where it is installed; else by `python -m benchmarks.load`, which is slower than the servers it should load and
says so.
"""

import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

CONNECTIONS = 16
ID = "@ID@"
"""Stands in a request's body for its id."""

_SCRIPT = """
local before, after, sessions, count = %(before)s, %(after)s, {%(sessions)s}, 0
wrk.method = "POST"
%(headers)s
request = function()
  count = count + 1
  if #sessions > 0 then wrk.headers["Mcp-Session-Id"] = sessions[count %% #sessions + 1] end
  return wrk.format(nil, nil, wrk.headers, before .. count .. after)
end
done = function(summary, latency, requests)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format(
    '{"requests": %%d, "failed": %%d, "seconds": %%f, "median_ms": %%f}\\n',
    summary.requests, failed, summary.duration / 1e6, latency:percentile(50) / 1e3
  ))
end
"""


@dataclass(frozen=True, slots=True)
class Request:
    """The request that the load generator sends. `sessions` take turns in the session header."""

    url: str
    headers: Mapping[str, str]
    body: str
    sessions: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Load:
    """The result of one load."""

    requests: int
    failed: int
    seconds: float
    median_ms: float

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds


def has_wrk() -> bool:
    return shutil.which("wrk") is not None


def pinned(core: int | None) -> list[str]:
    """The beginning of a command that runs on one core; nothing where that cannot be had."""
    return ["taskset", "--cpu-list", str(core)] if core is not None and shutil.which("taskset") else []


def put_load(request: Request, seconds: float, core: int | None, connections: int = CONNECTIONS) -> Load:
    make = _wrk if has_wrk() else _python
    said = make(request, seconds, core, connections)
    return Load(**json.loads(said.strip().splitlines()[-1]))


def _wrk(request: Request, seconds: float, core: int | None, connections: int) -> str:
    before, after = request.body.split(ID)
    script = _SCRIPT % {
        "before": json.dumps(before),
        "after": json.dumps(after),
        "sessions": ", ".join(map(json.dumps, request.sessions)),
        "headers": "\n".join(
            f"wrk.headers[{json.dumps(name)}] = {json.dumps(value)}" for name, value in request.headers.items()
        ),
    }
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "request.lua"
        path.write_text(script)
        command = [
            "wrk",
            "-t1",
            "--timeout",
            "10s",
            f"-c{connections}",
            f"-d{max(1, round(seconds))}s",
            "-s",
            str(path),
            request.url,
        ]
        return subprocess.run([*pinned(core), *command], capture_output=True, text=True, check=True).stdout


def _python(request: Request, seconds: float, core: int | None, connections: int) -> str:
    command = [*pinned(core), sys.executable, "-m", "benchmarks.load", str(seconds), str(connections)]
    return subprocess.run(command, input=json.dumps(asdict(request)), capture_output=True, text=True, check=True).stdout


class _Connection(asyncio.Protocol):
    """One keep-alive connection, with one request on its way at a time."""

    def __init__(self, request: Request, sent: list[int], times: list[float], failures: list[bytes]) -> None:
        self._request, self._sent, self._times, self._failures = request, sent, times, failures
        self._received = b""
        self._began = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self._is_whole():
            self._times.append(time.perf_counter() - self._began)
            if not self._received.startswith(b"HTTP/1.1 200"):
                self._failures.append(self._received)
            self._received = b""
            self._send()

    def _is_whole(self) -> bool:
        head, found, body = self._received.partition(b"\r\n\r\n")
        lengths = [line[15:] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        return bool(found) and (len(body) >= int(lengths[0]) if lengths else body.endswith(b"0\r\n\r\n"))

    def _send(self) -> None:
        self._sent[0] += 1
        parts, sessions = urlsplit(self._request.url), self._request.sessions
        body = self._request.body.replace(ID, str(self._sent[0])).encode()
        headers = {"Host": parts.netloc, "Content-Length": str(len(body)), **self._request.headers}
        if sessions:
            headers["Mcp-Session-Id"] = sessions[self._sent[0] % len(sessions)]
        lines = [f"POST {parts.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        self._began = time.perf_counter()
        self._transport.write("\r\n".join(lines).encode() + body)  # type: ignore[attr-defined]


async def _load(request: Request, seconds: float, connections: int) -> Load:
    sent = [0]
    times: list[float] = []
    failures: list[bytes] = []
    parts = urlsplit(request.url)
    loop = asyncio.get_running_loop()
    began = time.perf_counter()
    transports = [
        await loop.create_connection(
            lambda: _Connection(request, sent, times, failures), parts.hostname or "", parts.port or 80
        )
        for _ in range(connections)
    ]
    await asyncio.sleep(seconds)
    took = time.perf_counter() - began
    for transport, _ in transports:
        transport.abort()
    median = sorted(times)[len(times) // 2] if times else 0.0
    return Load(len(times), len(failures), took, median * 1e3)


if __name__ == "__main__":
    print(json.dumps(asdict(asyncio.run(_load(Request(**json.load(sys.stdin)), float(sys.argv[1]), int(sys.argv[2]))))))
