"""The configuration of each client, for a server at a URL and for one that it starts."""

import json
import tomllib
from base64 import b64decode
from urllib.parse import parse_qs, unquote, urlsplit

from django_mcp.page.clients import CLIENTS, Http, Stdio, to_toml
from tests.tables import cases

URL = "https://example.com/mcp"
STDIO = Stdio("python", ["manage.py", "mcp_stdio"], {"A": "b"})
STARTED = {"command": "python", "args": ["manage.py", "mcp_stdio"], "env": {"A": "b"}}


@cases(
    ("client", "entry"),
    [
        ("claude-code", {"type": "http", "url": URL, "headers": {"Authorization": "Bearer ${T}"}}),
        ("cursor", {"url": URL, "headers": {"Authorization": "Bearer ${env:T}"}}),
        ("vscode", {"type": "http", "url": URL, "headers": {"Authorization": "Bearer ${input:T}"}}),
        ("codex", {"url": URL, "bearer_token_env_var": "T"}),
        ("gemini", {"httpUrl": URL, "headers": {"Authorization": "Bearer $T"}}),
        ("windsurf", {"serverUrl": URL, "headers": {"Authorization": "Bearer ${env:T}"}}),
        (
            "claude-desktop",
            {
                "command": "npx",
                "args": ["-y", "mcp-remote", URL, "--header", "Authorization:${AUTHORIZATION}"],
                "env": {"AUTHORIZATION": "Bearer <your token>"},
            },
        ),
    ],
)
def test_a_client_finds_a_url_and_the_name_of_a_variable_with_the_token(client, entry):
    assert CLIENTS[client].entry(Http(URL, "Bearer", "T")) == entry
    assert "T" not in json.dumps(CLIENTS[client].document("s", Http("https://e"))).replace("\\", "")


def test_every_client_can_start_the_server_itself():
    for name, client in CLIENTS.items():
        entry = client.entry(STDIO)
        assert {key: entry[key] for key in STARTED} == STARTED, name


def test_text_is_what_the_client_reads():
    for client in CLIENTS.values():
        for server in (STDIO, Http(URL), Http(URL, "Token", "T")):
            read = tomllib.loads if client.is_toml else json.loads
            assert read(client.text("a b", server)) == client.document("a b", server)


def test_another_word_before_the_token_is_part_of_codexs_variable():
    assert CLIENTS["codex"].entry(Http(URL, "Token", "T"))["env_http_headers"] == {"Authorization": "T"}


def test_toml_quotes_what_is_no_bare_key():
    document = {"a": {"b.c": {"d": 'e"\n', "f": ["g"]}}}

    assert tomllib.loads(to_toml(document)) == document


def test_two_clients_add_the_server_by_a_link():
    server = Http(URL, variable="T")
    links = {name: client.link_for("trips", server) for name, client in CLIENTS.items()}

    assert [name for name, link in links.items() if link] == ["cursor", "vscode"]
    cursor = parse_qs(urlsplit(links["cursor"]).query)
    assert cursor["name"] == ["trips"]
    assert json.loads(b64decode(cursor["config"][0])) == {
        "url": URL,
        "headers": {"Authorization": "Bearer ${env:T}"},
    }
    address, _, told = links["vscode"].partition("?")
    told = json.loads(unquote(told))
    assert (address, told["name"], told["type"], told["url"]) == ("vscode:mcp/install", "trips", "http", URL)
    assert [one["id"] for one in told["inputs"]] == ["T"]


def test_a_file_is_named_as_on_any_machine():
    files = {name: client.shown_file for name, client in CLIENTS.items()}

    assert files["claude-desktop"] == "claude_desktop_config.json"
    assert files["codex"] == "~/.codex/config.toml"
    assert not [file for file in files.values() if file.startswith("/")]
