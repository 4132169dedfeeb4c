"""The example project behind real servers, and what an official client must find there."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

import airportsdata
import httpx
import pytest

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS, STOP_SECONDS = 120, 30

# Each is handed a socket that listens already, as file descriptor {fd}: no port to race for, and a first request that
# waits until it is answered.
SERVERS = {
    "the lane under uvicorn": "uvicorn testproject.asgi:application --fd {fd}",
    "the WSGI lane under gunicorn": (
        "gunicorn testproject.wsgi:application --workers 2 --threads 8 --bind fd://{fd} --config {config}"
    ),
}


# In one process: each would take seconds to start.
COMMANDS = """
import os
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "testproject.settings")
import django
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
call_command("load_airports")
call_command("createsuperuser", interactive=False, username="amelia", email="amelia@example.com")
call_command("drf_create_token", "amelia")
"""


@dataclass(frozen=True, slots=True)
class Site:
    """A server that runs, and the token of a user whom it knows."""

    url: str
    token: str


@dataclass(frozen=True, slots=True)
class Data:
    """A database with the world's airports and one user."""

    environment: dict[str, str]
    token: str


def make_data(folder: Path) -> Data:
    environment = {
        **os.environ,
        "DATABASE_URL": f"sqlite:///{folder / 'db.sqlite3'}",
        "ALLOWED_HOSTS": "127.0.0.1",
        "DJANGO_SUPERUSER_PASSWORD": "unused",
    }

    command = [sys.executable, "-c", COMMANDS]
    made = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True)
    return Data(environment, made.stdout.split()[-4])  # "Generated token … for user amelia"


@contextmanager
def serve(server: str, data: Data, folder: Path, port: int = 0) -> Iterator[Site]:
    """One of `SERVERS` while the block runs, at a free port or at one of before; its log is shown when it does not
    start.
    """
    module, *arguments = SERVERS[server].split()
    if find_spec(module) is None:
        skip_without(f"{module} is not installed")
    config, log = folder / "gunicorn.py", folder / "log"
    config.write_text("control_socket_disable = True\n")
    with socket.create_server(("127.0.0.1", port)) as listening, log.open("w") as output:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        arguments = [argument.format(fd=listening.fileno(), config=config) for argument in arguments]
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=ROOT,
            env=data.environment,
            pass_fds=[listening.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        wait_until_served(url, log)
        yield Site(url, data.token)
    finally:
        stop(process)


def wait_until_served(url: str, log: Path) -> None:
    try:
        httpx.get(url, timeout=START_SECONDS).raise_for_status()
    except httpx.HTTPError as error:
        pytest.fail(f"The server did not start ({error!r}). Its log:\n{log.read_text()}")


def stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def skip_without(missing: str) -> NoReturn:
    """Skips a test whose tools are not all there. Where CI is set they have to be."""
    if os.environ.get("CI"):
        pytest.fail(f"{missing}, and CI is set")
    pytest.skip(missing)


def expected_visit(version: str) -> dict[str, Any]:
    """The results of a visit to the airports by a client of a revision. Each client language has its own visit."""
    # Loaded late: pytest imports this before Django is ready.
    from testproject.airports.management.commands.load_airports import airport_from
    from testproject.airports.results import AirportFacts

    heathrow = AirportFacts.model_validate(airport_from(airportsdata.load("ICAO")["EGLL"])).model_dump(mode="json")
    modern = version >= "2026-07-28"
    return {
        "version": version,
        "server": "airports",
        "tools": [
            "search_airports",
            "nearest_airports",
            "airport_facts",
            "distance",
            "route",
            "browse_airports",
            "create_trip",
            "add_leg",
            "my_trips",
            "search_trip_plans",
            "update_trip_plan",
            "delete_trip_plan",
        ],
        "facts": heathrow,
        "distance_km": 5540,
        "nearest": ["LHR"],
        # Structured content had to be an object before, so a list went out as its member `result`.
        "list_is_wrapped": not modern,
        "unknown": [True, "No airport has the code 'QQQ'. Call search_airports with the name of a city."],
        "trip_km": 5540,
        "resources": ["airport://countries"],
        "templates": [
            "airport://{iata}",
            "airport://country/{country}",
            "trip://{pk}",
            "ticket://{pk}{?offset,length}",
        ],
        "resource": heathrow,
        "missing": {"uri": "airport://QQQ"},
        "countries": ["ZA", "ZM", "ZW"],
        "prompt": ["plan_a_trip", "origin", "destination", "days"],
        "message": [
            "user",
            "Plan a trip of 3 days from London (LHR London Heathrow Airport) to New York "
            "(JFK John F Kennedy International Airport), which is 5540 km away. "
            "The clocks there show America/New_York time; at home, Europe/London.",
        ],
        "origins": ["LHR"],
        "destinations_from_there": [],
    }
