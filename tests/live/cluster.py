"""Several server processes on one database, each on a port of its own, so that a test says which one is asked."""

import atexit
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

ROOT = Path(__file__).resolve().parent.parent.parent
SECONDS = float(os.environ.get("LIVE_SECONDS", "30"))
"""How long a test waits for what must happen; more on a machine that has much else to do."""

UVICORN = "uvicorn tests.live.asgi:application --fd {fd} --log-level warning"


class Server:
    """A process that can be stopped and started again. Its socket stays, and who calls meanwhile waits, unless the
    command takes a port instead.
    """

    def __init__(self, environment: dict[str, str], log: Path, command: str = UVICORN) -> None:
        self._environment = environment
        self._command = command
        self._log = log
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self._port = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}/mcp"
        if "{fd}" not in command:
            self._socket.close()
        self.start()

    def start(self) -> None:
        descriptors = [self._socket.fileno()] if "{fd}" in self._command else []
        arguments = self._command.format(fd=self._socket.fileno(), port=self._port).split()
        with self._log.open("a") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                cwd=ROOT,
                env=self._environment,
                pass_fds=descriptors,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        self.process.send_signal(number)
        try:
            self.process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self._socket.close()

    @property
    def log(self) -> str:
        return self._log.read_text()


class Cluster:
    """The servers, and how to make more of the same."""

    def __init__(self, environment: dict[str, str], folder: Path, count: int, command: str) -> None:
        self.environment = environment
        self.servers = [Server(environment, folder / f"server-{number}.log", command) for number in range(count)]

    def manage(self, *arguments: str) -> str:
        command = [sys.executable, "manage.py", *arguments]
        made = subprocess.run(command, cwd=ROOT, env=self.environment, check=False, capture_output=True, text=True)
        assert made.returncode == 0, made.stderr
        return made.stdout

    def wait_until_served(self) -> None:
        # A server that takes a port is tried again, for about a minute. Its first request imports the project, as the
        # other servers do at the same time.
        with httpx.Client(transport=httpx.HTTPTransport(retries=8), timeout=4 * SECONDS) as http:
            for server in self.servers:
                http.options(server.url)

    def close(self) -> None:
        for server in self.servers:
            server.close()


@contextmanager
def cluster(folder: Path, count: int, server: str = UVICORN, **environment: str) -> Iterator[Cluster]:
    """Servers that run while the block does: on PostgreSQL when DATABASE_URL names it, with Redis when REDIS_URL does,
    and otherwise on an SQLite file without a channel layer.
    """
    # The layer on PostgreSQL has tables of its own.
    layer = "postgres" if environment.get("CHANNEL_LAYER") == "postgres" else "none"
    with database(folder, migrated(layer)) as url:
        environment = {
            **os.environ,
            "DATABASE_URL": url,
            "DJANGO_SETTINGS_MODULE": "tests.live.settings",
            **environment,
        }
        if not environment.get("REDIS_URL"):
            environment["CHANNEL_LAYER"] = "none"
        servers = Cluster(environment, folder, count, server)
        try:
            servers.wait_until_served()
            yield servers
        finally:
            servers.close()


@cache
def migrated(layer: str) -> str:
    """The URL of a database with all tables, to copy: making them takes longer than a server takes to start."""
    kept = ExitStack()
    atexit.register(kept.close)
    url = kept.enter_context(database(Path(kept.enter_context(TemporaryDirectory()))))
    settings = {"DJANGO_SETTINGS_MODULE": "tests.live.settings", "CHANNEL_LAYER": layer}
    environment = {**os.environ, "DATABASE_URL": url, **settings}
    command = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
    return url


@contextmanager
def database(folder: Path, template: str = "") -> Iterator[str]:
    """The URL of a database of its own: an empty one, or a copy of another."""
    url = os.environ.get("DATABASE_URL", "")
    if not url.startswith("postgres"):
        file = folder / "live.sqlite3"
        if template:
            shutil.copy(template.removeprefix("sqlite:///"), file)
        yield f"sqlite:///{file}"
        return
    import psycopg

    server, _, name = url.rpartition("/")
    name = f"{name}_live_{os.getpid()}_{time.time_ns()}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}{' TEMPLATE ' + template.rpartition('/')[2] if template else ''}")
        try:
            yield f"{server}/{name}"
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


class Redis:
    """A Redis server of one's own, that can go away and come back."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.start()

    @staticmethod
    def is_installed() -> bool:
        return shutil.which("redis-server") is not None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                if time.monotonic() > deadline:
                    raise
                self._process.poll()

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()
