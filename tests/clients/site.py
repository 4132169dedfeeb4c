"""The project of `tests/clients/served` behind uvicorn: one that a test may restart under a connected client."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.live_site import ROOT, START_SECONDS, stop

WORKERS = 2


class Site:
    """A server at a port of its own, and the file of its database."""

    def __init__(self, folder: Path) -> None:
        self.log, self.database = folder / "server.log", folder / "db.sqlite3"
        self.environment = environment(self.database)
        # It listens while the server restarts, as with systemd: else the time that this takes decides who gives up.
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"

    def start(self) -> None:
        command = [sys.executable, "-m", "uvicorn", "tests.clients.served.asgi:application"]
        with self.log.open("a") as output:
            self.process = subprocess.Popen(
                [*command, "--fd", str(self.socket.fileno()), "--workers", str(WORKERS)],
                cwd=ROOT,
                env=self.environment,
                pass_fds=[self.socket.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        httpx.get(f"{self.url}/nowhere", timeout=START_SECONDS)

    def restart(self) -> None:
        stop(self.process)
        self.start()

    def change(self) -> None:
        """Has the server announce that its tools have changed."""
        self._ask("change")

    def end_sessions(self) -> int:
        """Terminates all sessions, and returns how many there were."""
        return int(self._ask("end")["ended"])

    def _ask(self, path: str) -> dict[str, Any]:
        answer: dict[str, Any] = httpx.post(f"{self.url}/{path}", timeout=START_SECONDS).raise_for_status().json()
        return answer


def environment(database: Path) -> dict[str, str]:
    settings = {"DJANGO_SETTINGS_MODULE": "tests.clients.served.settings", "CLIENTS_DATABASE": str(database)}
    return {**os.environ, **settings, "PYTHONPATH": str(ROOT)}


def make_tables(folder: Path) -> Path:
    """The file of a database that has the tables."""
    database = folder / "db.sqlite3"
    command = [sys.executable, "-m", "django", "migrate", "--verbosity", "0"]
    subprocess.run(command, cwd=ROOT, env=environment(database), check=True)
    return database


@contextmanager
def served(folder: Path, database: Path) -> Iterator[Site]:
    """The project with a copy of the database."""
    site = Site(folder)
    shutil.copy(database, site.database)
    with site.socket:
        try:
            site.start()
            yield site
        finally:
            stop(site.process)
