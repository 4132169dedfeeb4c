"""Servers to measure: each in the environment of its own, on one core, on a free port of 127.0.0.1; stopped by pid."""

import contextlib
import http.client
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from .asks import Ask, add
from .load import CONNECTIONS, ID, Request, pinned

ROOT = Path(__file__).resolve().parent.parent
CACHE = Path(__file__).resolve().parent / ".cache"
PEERS = Path(__file__).resolve().parent / "peers"

MODERN, HANDSHAKE = "2026-07-28", "2025-11-25"
START_SECONDS = 30

_QUIETLY = ("--no-access-log", "--log-level", "warning")
UVICORN = ("-m", "uvicorn", "--loop", "uvloop", "--http", "httptools", *_QUIETLY)
PLAIN_UVICORN = ("-m", "uvicorn", "--loop", "asyncio", "--http", "h11", *_QUIETLY)
"""As `pip install uvicorn` runs, without `[standard]`."""
THREADED = ("--workers", "1", "--worker-class", "gthread", "--threads", "8", "--keep-alive", "30")
GUNICORN = ("-m", "gunicorn", *THREADED, "--log-level", "warning")


def find_python(version: str) -> str | None:
    """An interpreter of this version, such as "3.12": one of pyenv, or on the path."""
    pyenv = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser()
    # A shim of pyenv is on the path too, and fails for a version that is not active.
    found = [*map(str, sorted(pyenv.glob(f"versions/{version}.*/bin/python"))), shutil.which(f"python{version}")]
    return next(filter(None, found), None)


@dataclass(frozen=True, slots=True)
class Server:
    """A server's command. `requirements` are installed in an environment of its own; without any it is ours, and runs
    in this one. `migrate` is run before it. {port} and {database} stand for what is known later.
    """

    name: str
    command: tuple[str, ...]
    environ: Mapping[str, str] = field(default_factory=dict)
    requirements: tuple[str, ...] = ()
    migrate: tuple[str, ...] = ()
    base: str = sys.executable
    """The interpreter that makes the environment."""

    @property
    def python(self) -> str:
        if not self.requirements:
            return sys.executable
        return str(CACHE / self.requirements[0].replace("==", "-") / "bin" / "python")

    def install(self) -> None:
        """Makes the environment; what is there already stays."""
        CACHE.mkdir(exist_ok=True)
        folder = Path(self.python).parent.parent
        if not self.requirements or (folder / ".installed").exists():
            return
        print(f"installing {', '.join(self.requirements)}", flush=True)
        subprocess.run([self.base, "-m", "venv", "--clear", str(folder)], check=True)
        command = [self.python, "-m", "pip", "install", "-qq", "--disable-pip-version-check", *self.requirements]
        subprocess.run(command, check=True)
        (folder / ".installed").touch()

    @contextlib.contextmanager
    def serving(self, core: int | None) -> Iterator["Serving"]:
        self.install()
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        environ = {key: value for key, value in os.environ.items() if not key.startswith(("DJANGO_", "MCP_"))}
        environ |= {"PYTHONPATH": str(PEERS if self.requirements else ROOT), "SECRET_KEY": secrets.token_hex()}
        environ |= {"PYTHONDONTWRITEBYTECODE": "1", "MAX_ANONYMOUS_SESSIONS": "10000"}
        environ |= {"AUDIT": "off", "OPERATIONS": "0", **self.environ}
        if self.migrate:
            subprocess.run([self.python, *self.migrate], env=environ, cwd=ROOT, check=True)
        command = [*pinned(core), self.python, *(part.format(port=port) for part in self.command)]
        with open(CACHE / f"{port}.log", "w+") as log:
            process = subprocess.Popen(
                command, env=environ, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
            try:
                _wait(process, port, Path(log.name))
                yield Serving(self, port, process.pid)
            finally:
                _stop(process)
                Path(log.name).unlink()


@dataclass(frozen=True, slots=True)
class Serving:
    """A server that runs: the leader of its process group."""

    server: Server
    port: int
    pid: int

    def cpu_seconds(self) -> float | None:
        """The processor time of the server's processes so far; `None` where the system does not tell."""
        ticks = found = 0
        for path in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                # The name may hold spaces and parentheses; the fields after it are fixed (proc(5)).
                fields = path.read_text().rpartition(")")[2].split()
                if int(fields[2]) == self.pid:
                    ticks, found = ticks + int(fields[11]) + int(fields[12]), 1
        return ticks / os.sysconf("SC_CLK_TCK") if found else None


@dataclass(frozen=True, slots=True)
class Contestant:
    """One way to ask a server: the endpoint, the era, what it is asked. `era` of `None`: no MCP, only its call's
    JSON.
    """

    name: str
    server: Server
    path: str
    era: Literal["modern", "handshake"] | None
    ask: Ask = field(default_factory=add)
    sessions: int = 16
    connections: int = CONNECTIONS

    def meet(self, serving: Serving) -> Request:
        """The request to send again and again, its sessions opened and its answer found right."""
        sessions = tuple(self.open(serving.port) for _ in range(self.sessions)) if self.era == "handshake" else ()
        request = Request(
            f"http://127.0.0.1:{serving.port}{self.path}",
            self._headers(self.ask.method),
            json.dumps(self._message(self.ask.method, self.ask.params("p"), ID)).replace(f'"{ID}"', ID),
            # A server without sessions gives no id, and is asked without one.
            tuple(session for session in sessions if session),
        )
        self.check(request, serving)
        return request

    def check(self, request: Request, serving: Serving) -> None:
        """Ends the program unless the answer is right: a fast refusal is no result."""
        session = {"Mcp-Session-Id": request.sessions[0]} if request.sessions else {}
        status, _, text = _post(serving.port, self.path, request.body.replace(ID, "1"), {**request.headers, **session})
        answer = _read(text)
        result = answer.get("result", {})
        right = answer.get("id") == 1 and not result.get("isError") and self.ask.is_right(result)
        told = text.count("notifications/progress")
        if status != 200 or not right or (self.ask.wants_progress and told < self.ask.arguments["count"]):
            raise SystemExit(f"{self.name}: wrong answer: {status} {text[:500]}")

    def _headers(self, method: str) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
        if self.era == "modern":
            headers |= {"MCP-Protocol-Version": MODERN, "Mcp-Method": method}
            if method == "tools/call":
                headers["Mcp-Name"] = str(self.ask.tool)
        elif self.era == "handshake" and method != "initialize":
            headers |= {"MCP-Protocol-Version": HANDSHAKE}
        return headers

    def _message(self, method: str, params: dict[str, Any], request_id: int | str | None) -> dict[str, Any]:
        message: dict[str, Any] = {"jsonrpc": "2.0", "method": method, "params": params}
        if request_id is not None:
            message["id"] = request_id
        if self.era == "modern":
            params["_meta"] = params.get("_meta", {}) | {
                "io.modelcontextprotocol/protocolVersion": MODERN,
                "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"},
                "io.modelcontextprotocol/clientCapabilities": {},
            }
        return message

    def open(self, port: int) -> str:
        """The id of a new session; "" from a server that has none."""
        client = {"protocolVersion": HANDSHAKE, "capabilities": {}, "clientInfo": {"name": "bench", "version": "1"}}
        opening = json.dumps(self._message("initialize", client, 1))
        status, headers, text = _post(port, self.path, opening, self._headers("initialize"))
        if status != 200 or "result" not in _read(text):
            raise SystemExit(f"{self.name}: initialize: {status} {text[:500]}")
        session = headers.get("mcp-session-id", "")
        named = {"Mcp-Session-Id": session} if session else {}
        done = json.dumps(self._message("notifications/initialized", {}, None))
        _post(port, self.path, done, {**self._headers(""), **named})
        return session


def _post(port: int, path: str, body: str, headers: Mapping[str, str]) -> tuple[int, dict[str, str], str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("POST", path, body.encode(), dict(headers))
        response = connection.getresponse()
        received = {name.lower(): value for name, value in response.headers.items()}
        return response.status, received, response.read().decode()
    finally:
        connection.close()


def _read(text: str) -> dict[str, Any]:
    """The message of a JSON body, or of an event stream's last event that has one."""
    lines = [line.removeprefix("data:") for line in text.splitlines() if line.startswith("data:") and "{" in line]
    try:
        answer: dict[str, Any] = json.loads(lines[-1] if lines else text)
    except ValueError:
        return {}
    return answer


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.1)
    raise SystemExit(f"the server did not come up:\n{log.read_text()[-3000:]}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
