"""Serves with four workers, kills some of them, and checks that clients miss nothing.

DATABASE_URL names the database (an SQLite file of its own without it), and REDIS_URL the channel layer (none without
it).
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Any

from testproject.workers.client import Client, Stream

WORKERS = 4
START_SECONDS = 120
TRIPS = 6
NOTES = 5
TRIES = 2000

UPDATED = "notifications/resources/updated"


class Lost(Exception):
    """A promise that did not hold."""


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        environment = environment_in(Path(folder))
        say("Migrating the database")
        subprocess.run(
            [sys.executable, "manage.py", "migrate", "--verbosity", "0"], env=environment, check=True, timeout=600
        )
        try:
            with served(environment, Path(folder)) as port:
                show(port)
        except Lost as error:
            print(f"LOST: {error}")
            return 1
    print("\nNothing was lost.")
    return 0


def environment_in(folder: Path) -> dict[str, str]:
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "testproject.workers.settings"}
    if not environment.get("DATABASE_URL"):
        environment["DATABASE_URL"] = f"sqlite:///{folder / 'demo.sqlite3'}"
    if not environment.get("REDIS_URL"):
        environment |= {"REDIS_URL": "", "CHANNEL_LAYER": "none"}
    database = environment["DATABASE_URL"].partition(":")[0]
    layer = "Redis" if environment["REDIS_URL"] else "no channel layer (set REDIS_URL for one)"
    ours = "" if os.environ.get("DATABASE_URL") else " (set DATABASE_URL for another)"
    say(f"{WORKERS} workers on {database}{ours}, with {layer}")
    return environment


@contextmanager
def served(environment: dict[str, str], folder: Path) -> Iterator[int]:
    """uvicorn with its workers, and its port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "testproject.workers.asgi:application", "--port", str(port)]
    command += ["--workers", str(WORKERS), "--timeout-graceful-shutdown", "2", "--log-level", "warning"]
    log = folder / "log"
    with log.open("w") as output:
        server = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        wait_until_served(server, port, log)
        yield port
    finally:
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            server.kill()


def wait_until_served(server: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.1)
    raise SystemExit(f"The workers did not start:\n{log.read_text()}")


def show(port: int) -> None:
    client = Client(port)
    meet(client)
    kill_in_a_call(client)
    kill_under_a_stream(client)
    ask_across(client)


def meet(client: Client) -> None:
    """Opens a session, and finds every worker by asking in it."""
    first = client.open()
    say(f"A session, opened by worker {first}")
    found = {first}
    for _ in range(TRIES):
        found.add(client.call("who_are_you"))
        if len(found) == WORKERS:
            break
    need(len(found) == WORKERS, f"only {len(found)} of {WORKERS} workers have answered")
    tell(f"all {WORKERS} workers answer in it: {', '.join(map(str, sorted(found)))}")


def kill_in_a_call(client: Client) -> None:
    client.call("forget_trips")
    stream = client.call_streamed("plan_trips", count=TRIPS)
    say(f"A call at worker {stream.worker}: plan {TRIPS} trips")
    heard = []
    for message in stream:
        heard.append(told(message))
        if len(heard) == TRIPS // 2:
            os.kill(stream.worker, signal.SIGKILL)
            tell(f"heard: {', '.join(heard)}; kill -9 {stream.worker}")
            break
    # The killed worker has sent these already.
    heard += [told(message) for message in stream]

    rest = resume(client, stream)
    *more, answer = list(rest)
    tell(f"resumed with Last-Event-ID at worker {rest.worker}: {answer['error']['message']}")
    heard += [told(message) for message in more]
    expected = [f"trip {number}" for number in range(1, len(heard) + 1)]
    need(heard == expected, f"progress came as {heard}")
    saved = client.call("count_trips")
    need(saved == 0, f"the killed call has saved {saved} trips")
    tell(f"progress up to {heard[-1]} was heard once, in order; trips of the killed call: {saved}")

    planned = client.call("plan_trips", count=TRIPS)
    need(planned == TRIPS, f"there are {planned} trips")
    tell(f"called again: {planned} trips")


def kill_under_a_stream(client: Client) -> None:
    for number in range(1, NOTES * 2 + 1):
        client.request("resources/subscribe", {"uri": f"note://{number}"})
    stream = client.listen()
    say(f"The session's own stream at worker {stream.worker}, for changes of notes")
    messages = iter(stream)
    for number in range(1, NOTES + 1):
        client.call("change_note", number=number)
    heard = [next(messages)["params"]["uri"] for _ in range(NOTES)]
    tell(f"heard: {', '.join(heard)}; kill -9 {stream.worker}")
    os.kill(stream.worker, signal.SIGKILL)
    heard += [message["params"]["uri"] for message in messages]
    by = {client.call("change_note", number=number) for number in range(NOTES + 1, NOTES * 2 + 1)}
    tell(f"{NOTES} more notes changed while nobody listened, at worker {', '.join(map(str, sorted(by)))}")

    rest = resume(client, stream)
    missed = [message["params"]["uri"] for message in islice(rest, NOTES)]
    tell(f"resumed at worker {rest.worker}: {', '.join(missed)}")
    need(heard + missed == [f"note://{number}" for number in range(1, NOTES * 2 + 1)], f"heard {heard}, then {missed}")
    tell(f"all {NOTES * 2} changes were heard, each once, in order")


def ask_across(client: Client) -> None:
    stream = client.call_streamed("greet")
    messages = iter(stream)
    question = next(messages)
    say(f"A question, asked by worker {stream.worker}: {question['params']['message']}")
    taken = client.answer(question, {"name": "Ada"})
    answer = next(messages)
    tell(f"answered at worker {taken}: {answer['result']['content'][0]['text']}")
    need("Hello, Ada" in answer["result"]["content"][0]["text"], f"the answer is {answer}")


def resume(client: Client, stream: Stream) -> Stream:
    """The rest of a stream, at the worker that is there. A killed one is replaced meanwhile, and takes its connections
    with it.
    """
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            return client.listen(stream.last_id)
        except (OSError, RuntimeError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def told(message: dict[str, Any]) -> str:
    return str(message["params"]["message"])


def need(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Lost(otherwise)


def say(text: str) -> None:
    print(f"==> {text}", flush=True)


def tell(text: str) -> None:
    print(f"    {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
