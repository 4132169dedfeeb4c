"""manage.py mcp_doctor prints findings, and fails for a problem."""

import io
import json

import pytest
from django.core.management import CommandError, call_command
from django.utils.translation import override

from django_mcp.management.doctor import project
from django_mcp.management.doctor.findings import BUFFERING, Finding
from tests.tables import cases

EXAMINE = project.examine
FINDINGS = [
    Finding("a", "ok", "Fine.", "Unneeded."),
    Finding("b", "warning", "Odd.", "Look."),
    Finding("c", "problem", "Held back.", "Turn buffering off.", BUFFERING),
]


@pytest.fixture(autouse=True)
def found(monkeypatch):
    def find(findings):
        monkeypatch.setattr(project, "examine", lambda name: iter(findings))

    find(FINDINGS)
    return find


def doctor(*arguments):
    out = io.StringIO()
    try:
        call_command("mcp_doctor", *arguments, stdout=out, no_color=True)
    except CommandError as error:
        return error.returncode, out.getvalue(), str(error)
    return 0, out.getvalue(), ""


def test_a_problem_fails_and_its_remedy_is_in_the_words_of_the_proxy(found):
    assert doctor("--proxy", "nginx") == (
        1,
        "ok       a: Fine.\n"
        "warning  b: Odd.\n         Look.\n"
        "problem  c: Held back.\n         Turn buffering off.\n"
        "         nginx:\n             proxy_buffering off;\n             proxy_http_version 1.1;\n",
        "Problems: 1.",
    )
    assert "Caddy:" in doctor()[1]
    found(FINDINGS[:2])
    assert doctor()[0] == 0


def test_findings_are_printed_as_json():
    assert [finding["check"] for finding in json.loads(doctor("--json")[1])] == ["a", "b", "c"]


@cases(
    ("arguments", "message"),
    [
        (["example.com/mcp"], "'example.com/mcp' is no URL of an endpoint: https://…/mcp"),
        (["http://[::1"], "'http://[::1' is no URL of an endpoint: https://…/mcp"),
        (["ftp://example.com"], "'ftp://example.com' is no URL of an endpoint: https://…/mcp"),
        (
            ["https://example.com/mcp", "--token-env", "NOT_SET"],
            "There is no environment variable 'NOT_SET': put a token into it.",
        ),
    ],
)
def test_what_was_not_understood_is_said(arguments, message):
    assert doctor(*arguments) == (2, "", message)


@pytest.mark.urls("tests.urls")
def test_a_server_that_the_project_does_not_have_is_named():
    code, printed, said = doctor("--server", "nothing")

    assert (code, printed) == (2, "")
    assert said.startswith("There is no server 'nothing'; there are ")


def test_a_server_that_is_not_there_is_a_problem():
    code, printed, _ = doctor("http://127.0.0.1:1/mcp")

    assert code == 1
    assert "problem  reach: http://127.0.0.1:1/mcp does not answer" in printed


@pytest.mark.django_db
@pytest.mark.urls("tests.urls")
def test_findings_are_in_the_language_of_the_reader_and_the_json_of_scripts_is_not(monkeypatch):
    monkeypatch.setattr(project, "examine", EXAMINE)
    with override("de"):
        assert "ok       database: Die Tabellen sind da.\n" in doctor("--server", "plain")[1]
        texts = [finding["text"] for finding in json.loads(doctor("--server", "plain", "--json")[1])]

    assert "The tables are there." in texts
    assert texts == [finding.text for finding in EXAMINE("plain")]
