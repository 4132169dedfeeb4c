"""docs/troubleshooting.md: each mistake is made in the project of the quickstart, and has the messages of the page."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.test_docs import ROOT, Desk, desk_in

pytestmark = pytest.mark.project

PAGE = ROOT / "docs" / "troubleshooting.md"
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "newcomer", "version": "1"}},
}
BROWSER = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
DRAWS = '\n\nclass Canvas:\n    pass\n\n\n@tool\ndef draw(canvas: Canvas) -> str:\n    """Draw."""\n    return ""\n'
FAILS = '\n\n@tool\ndef fail() -> str:\n    """Fail."""\n    return {}["missing"]\n'


def messages() -> dict[str, list[str]]:
    """The messages of each mistake that the page shows."""
    found: dict[str, list[str]] = {}
    table = PAGE.read_text().partition("|---|---|---|---|\n")[2].partition("\n\n")[0]
    mistake = ""
    for row in table.splitlines():
        _, first, _where, shown, _remedy, _ = (cell.strip() for cell in row.split("|"))
        mistake = first or mistake
        found.setdefault(mistake, []).extend(re.findall(r"`([^`]+)`", shown))
    return found


MESSAGES = messages()


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project of the quickstart, as it is when the page has been followed."""
    folder = tmp_path_factory.mktemp("followed")
    with desk_in(folder, PYTHONPATH=str(ROOT)) as desk:
        desk.follow(ROOT / "docs" / "quickstart.md")
        (folder / "token").write_text(desk.environment["TOKEN"])
    return folder


@pytest.fixture
def desk(followed: Path, tmp_path: Path) -> Iterator[Desk]:
    shutil.copytree(followed, tmp_path, dirs_exist_ok=True)
    with desk_in(tmp_path, PYTHONPATH=str(ROOT)) as desk:
        yield desk


@pytest.fixture(scope="module")
def served(followed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A server of the project, with a tool that fails."""
    folder = tmp_path_factory.mktemp("served")
    shutil.copytree(followed, folder, dirs_exist_ok=True)
    with desk_in(folder, PYTHONPATH=str(ROOT)) as desk:
        append(desk, "notes/mcp.py", FAILS)
        desk.serve(["mysite.asgi:application"])
        yield desk


def append(desk: Desk, file: str, text: str) -> None:
    path = desk.folder / file
    path.write_text(path.read_text() + text)


def replace(desk: Desk, file: str, old: str, new: str) -> None:
    path = desk.folder / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def manage(desk: Desk, *arguments: str) -> str:
    """All that a command prints, also when it fails."""
    made = subprocess.run(
        [desk.python, "manage.py", *arguments], cwd=desk.folder, env=desk.environment, capture_output=True, text=True
    )
    return made.stdout + made.stderr


def url_of(desk: Desk, path: str = "/mcp") -> str:
    return f"http://127.0.0.1:{desk.listening.getsockname()[1]}{path}"


def post(desk: Desk, path: str = "/mcp", *, message: object = INITIALIZE, **headers: str) -> httpx.Response:
    token = (desk.folder / "token").read_text()
    sent = {"Accept": "application/json, text/event-stream", "Authorization": f"Token {token}", **headers}
    return httpx.post(
        url_of(desk, path), json=message, headers={key: value for key, value in sent.items() if value}, timeout=30
    )


def text_of(response: httpx.Response) -> str:
    """The status that a client is told, and the message of an error or the text of a result."""
    return f"{response.status_code} {response.text}"


def log_of(desk: Desk) -> str:
    return (desk.folder / "log").read_text()


def said(mistake: str, output: str) -> None:
    """Holds the page's messages of a mistake against the output."""
    shown = MESSAGES[mistake]
    assert shown
    for message in shown:
        escaped = re.escape(message).replace("…", ".*")
        assert re.search(escaped, output), f"{message!r} is not in:\n{output[-3000:]}"


MADE: dict[str, Callable[[Desk], str]] = {}
"""The mistakes that need a project of their own: each makes one, and returns all that there is to read."""


def mistake(name: str) -> Callable[[Callable[[Desk], str]], Callable[[Desk], str]]:
    def note(make: Callable[[Desk], str]) -> Callable[[Desk], str]:
        MADE[name] = make
        return make

    return note


@mistake("`django_mcp` is not in `INSTALLED_APPS`")
def _without_the_app(desk: Desk) -> str:
    replace(desk, "mysite/settings.py", '"django_mcp", ', "")
    return manage(desk, "check")


@mistake("The database is not migrated")
def _without_tables(desk: Desk) -> str:
    manage(desk, "migrate", "django_mcp", "zero")
    desk.serve(["mysite.asgi:application"])
    return text_of(post(desk)) + log_of(desk) + manage(desk, "mcp_doctor")


@mistake("The ASGI application is Django's")
def _without_the_lane(desk: Desk) -> str:
    replace(desk, "mysite/asgi.py", "django_mcp.asgi", "django.core.asgi")
    return manage(desk, "mcp_doctor")


@mistake("A setting is misspelt")
def _with_a_misspelt_setting(desk: Desk) -> str:
    append(desk, "mysite/settings.py", '\nMCP_SESION_TTL_SECONDS = 60\nMCP_THREADS = "8"\n')
    return manage(desk, "check")


@mistake("A tool takes what JSON cannot say")
def _with_a_tool_that_cannot_be(desk: Desk) -> str:
    append(desk, "notes/mcp.py", DRAWS)
    return manage(desk, "check")


@pytest.mark.parametrize("name", MADE)
def test_a_mistake_in_the_project_has_the_messages_of_the_page(name: str, desk: Desk) -> None:
    said(name, MADE[name](desk))


def test_another_url_has_the_messages_of_the_page(served: Desk) -> None:
    said(
        "The client has another URL",
        text_of(post(served, "/mpc")) + manage(served, "mcp_doctor", url_of(served, "/mpc")),
    )
    assert post(served, "/mcp/").status_code == 200


def test_a_browser_has_the_page_that_is_named(served: Desk) -> None:
    said("A browser opens the URL", httpx.get(url_of(served), headers=BROWSER, timeout=30).text)


def test_a_client_without_a_token_has_the_messages_of_the_page(served: Desk) -> None:
    answers = [post(served, Authorization=header) for header in ("", "Bearer abc", "Token abc")]

    assert [answer.status_code for answer in answers] == [401, 401, 401]
    said("The client sends no token", "\n".join(map(text_of, answers)) + log_of(served))


def test_a_foreign_host_has_the_messages_of_the_page(served: Desk) -> None:
    said("The host is not allowed", text_of(post(served, Host="example.com")) + log_of(served))


def test_a_tool_that_raises_has_the_messages_of_the_page(served: Desk) -> None:
    session = post(served).headers["mcp-session-id"]
    call = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "fail", "arguments": {}}}
    answer = post(served, message=call, **{"Mcp-Session-Id": session, "MCP-Protocol-Version": "2025-11-25"})

    assert "missing" not in answer.text
    assert json.loads(answer.text)["result"]["isError"] is True
    said("A tool raises an exception", text_of(answer) + log_of(served))


def test_each_mistake_of_the_page_is_made() -> None:
    served_here = re.findall(r'^    said\(\n? *"([^"]+)"', Path(__file__).read_text(), re.MULTILINE)

    assert {*MADE, *served_here} == MESSAGES.keys()
    assert len(MESSAGES) == 10
