"""docs/recipes.md, django-tenants: two tenants behind real servers. A user of each has the same primary key."""

import json
import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import httpx
import psycopg
import pytest

from tests.recipes.conftest import PAGE
from tests.test_docs import ROOT, blocks_of

HERE = Path(__file__).parent
NAME = f"mcp_recipe_tenants_{os.getpid()}"
HOST = os.environ.get("RECIPES_POSTGRES", "postgresql://postgres@127.0.0.1:5432/postgres")
HANDSHAKE = {
    "protocolVersion": "2025-11-25",
    "capabilities": {"elicitation": {}},
    "clientInfo": {"name": "t", "version": "1"},
}
IDS = count(1)
SERVERS = {
    "wsgi": "gunicorn tests.recipes.tenants.wsgi:application --workers 1 --threads 4 --no-control-socket --bind fd://{fd}",
    "asgi": "uvicorn tests.recipes.tenants.asgi:application --fd {fd}",
}


@pytest.fixture(scope="module")
def tokens():
    """The tokens of the users, in a database of their own."""
    with psycopg.connect(HOST, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {NAME}")
    try:
        made = subprocess.run(
            [sys.executable, "-m", "tests.recipes.tenants.make"],
            cwd=ROOT,
            env=ENVIRONMENT,
            check=True,
            capture_output=True,
            text=True,
        )
        yield json.loads(made.stdout.splitlines()[-1])
    finally:
        with psycopg.connect(HOST, autocommit=True) as admin:
            admin.execute(f"DROP DATABASE {NAME} WITH (FORCE)")


ENVIRONMENT = {**os.environ, "TENANTS_DATABASE": NAME, "DJANGO_SETTINGS_MODULE": "tests.recipes.tenants.settings"}


@pytest.fixture(scope="module", params=SERVERS)
def url(request, tokens, tmp_path_factory):
    log = tmp_path_factory.mktemp("tenants") / "log"
    with socket.create_server(("127.0.0.1", 0)) as listening, log.open("w") as output:
        command = SERVERS[request.param].format(fd=listening.fileno()).split()
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=ROOT,
            env=ENVIRONMENT,
            pass_fds=[listening.fileno()],
            stdout=output,
            stderr=output,
        )
        port = listening.getsockname()[1]
    yield f"http://127.0.0.1:{port}/mcp"
    process.terminate()
    process.wait(20)
    said = log.read_text()
    print(said)
    # Nothing works outside of the tenants: there are no tables of the package in the schema "public".
    assert "does not exist" not in said


class Client:
    """A client of a tenant, which may show another's token or session."""

    def __init__(self, url, tenant, token, session=""):
        self.url, self.session = url, session
        self.headers = {
            "Host": f"{tenant}.example.com",
            "Authorization": f"Bearer {token}",
            "Accept": "application/json, text/event-stream",
            "MCP-Protocol-Version": "2025-11-25",
        }

    def send(self, method, params=None):
        message = {"jsonrpc": "2.0", "id": next(IDS), "method": method, **({"params": params} if params else {})}
        return httpx.post(self.url, json=message, headers=self._headers(), timeout=30)

    def _headers(self):
        return {**self.headers, **({"Mcp-Session-Id": self.session} if self.session else {})}

    def open(self):
        self.session = self.send("initialize", HANDSHAKE).headers["mcp-session-id"]
        httpx.post(
            self.url,
            json={"jsonrpc": "2.0", "method": "notifications/initialized"},
            headers=self._headers(),
            timeout=30,
        )
        return self

    def call(self, tool, **arguments):
        answer = self.send("tools/call", {"name": tool, "arguments": arguments})
        last = answer.text.rpartition("data: ")[2] if "event-stream" in answer.headers["content-type"] else answer.text
        return json.loads(last)["result"]["structuredContent"]["result"]

    def call_and_answer(self, tool, content):
        """The text of a call whose question is answered by another request."""
        params = {"name": tool, "arguments": {}}
        message = {"jsonrpc": "2.0", "id": next(IDS), "method": "tools/call", "params": params}
        with httpx.stream("POST", self.url, json=message, headers=self._headers(), timeout=30) as stream:
            for line in stream.iter_lines():
                heard = json.loads(line[6:]) if line.startswith("data: {") else {}
                if heard.get("method") == "elicitation/create":
                    answer = {"jsonrpc": "2.0", "id": heard["id"], "result": {"action": "accept", "content": content}}
                    assert httpx.post(self.url, json=answer, headers=self._headers(), timeout=30).status_code == 202
                elif "result" in heard:
                    return heard["result"]["content"][0]["text"]
        return None


def rows(schema, sql):
    with psycopg.connect(HOST, dbname=NAME, options=f"-c search_path={schema}") as connection:
        return connection.execute(sql).fetchall()


def test_the_page_shows_the_code_that_runs_here():
    shown = [block.code.strip() for block in blocks_of(PAGE)]

    for path in ("database/base.py", "middleware.py"):
        assert (HERE / path).read_text().strip() in shown, path


@pytest.mark.parametrize("tool", ["notes", "notes_with_context", "notes_async"])
def test_a_tool_reads_the_rows_of_its_tenant_in_whichever_thread_it_runs(url, tokens, tool):
    clients = {name: Client(url, name, tokens[name]).open() for name in ("acme", "zeta")}

    for _ in range(3):  # The threads and connections of one tenant serve the other next.
        for name, client in clients.items():
            assert client.call(tool) == [f"a note of {name}"]


def test_a_session_of_another_tenant_does_not_exist(url, tokens):
    acme, zeta = (Client(url, name, tokens[name]).open() for name in ("acme", "zeta"))
    assert [acme.call("count_visits"), acme.call("count_visits"), zeta.call("count_visits")] == [1, 2, 1]

    # The same primary key of the user, the same name of the server: the session is in another schema.
    thief = Client(url, "zeta", tokens["zeta"], acme.session)
    assert thief.send("tools/list").status_code == 404
    assert httpx.delete(url, headers=thief._headers()).status_code == 404
    assert acme.call("count_visits") == 3


def test_a_token_of_another_tenant_is_unknown(url, tokens):
    assert Client(url, "zeta", tokens["acme"]).send("initialize", HANDSHAKE).status_code == 401
    assert Client(url, "nobody", tokens["acme"]).send("initialize", HANDSHAKE).status_code == 404


def test_a_resource_of_another_tenant_is_not_found(url, tokens):
    acme = Client(url, "acme", tokens["acme"]).open()

    assert "a note of acme" in acme.send("resources/read", {"uri": "note://a%20note%20of%20acme"}).text
    assert "a note of zeta" not in acme.send("resources/read", {"uri": "note://a%20note%20of%20zeta"}).text


def test_the_answer_to_a_question_finds_its_call_and_changes_this_tenant_alone(url, tokens):
    acme = Client(url, "acme", tokens["acme"]).open()
    before = rows("acme", "SELECT count(*) FROM notes_note")

    assert acme.call_and_answer("clear_notes", {"sure": True}) == str(before[0][0])
    assert rows("acme", "SELECT count(*) FROM notes_note") == [(0,)]
    assert rows("zeta", "SELECT text FROM notes_note") == [("a note of zeta",)]
    with psycopg.connect(HOST, dbname=NAME, autocommit=True) as connection:
        connection.execute("INSERT INTO acme.notes_note (text) VALUES ('a note of acme')")


def test_the_audit_of_a_tenant_has_its_own_calls(url, tokens):
    before = {name: rows(name, "SELECT count(*) FROM django_mcp_audit_call")[0][0] for name in ("acme", "zeta")}

    Client(url, "acme", tokens["acme"]).open().call("notes_async")

    after = {name: rows(name, "SELECT count(*) FROM django_mcp_audit_call")[0][0] for name in ("acme", "zeta")}
    assert after["acme"] > before["acme"]
    assert after["zeta"] == before["zeta"]
    assert (
        rows("public", "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename LIKE 'django_mcp%'")
        == []
    )


def test_many_calls_at_once_stay_in_their_tenants(url, tokens):
    clients = {name: Client(url, name, tokens[name]).open() for name in ("acme", "zeta")}
    tools = ("notes", "notes_with_context", "notes_async")
    asked = [(name, tool) for _ in range(8) for name in clients for tool in tools]

    with ThreadPoolExecutor(6) as pool:
        found = pool.map(lambda one: clients[one[0]].call(one[1]), asked)

    assert list(found) == [[f"a note of {name}"] for name, _ in asked]
