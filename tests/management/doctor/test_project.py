"""The project as it stands: the findings of its checks, endpoints and tools."""

import pytest

from django_mcp.management.doctor.project import MANY_TOKENS, examine, judge

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.urls")]
GOOD = {
    "name": "greet",
    "title": "Greet",
    "description": "Greet somebody.",
    "inputSchema": {"type": "object", "properties": {}},
    "annotations": {"title": "Greet", "readOnlyHint": True},
}


def test_tables_endpoints_and_tools_are_examined():
    findings = {(finding.check, finding.text) for finding in examine("plain")}

    assert ("database", "The tables are there.") in findings
    assert ("endpoint", "/plain: open to everybody, eras: handshake, modern") in findings
    assert ("endpoint", "/closed: asks who is calling, eras: handshake, modern") in findings
    assert any(check == "tool count" for check, _ in findings)
    assert not any(text.startswith("guarded:") for _, text in findings)


@pytest.mark.urls("tests.management.doctor.test_project")
def test_a_project_without_an_endpoint_is_told_how_to_mount_one():
    [finding] = [finding for finding in examine("plain") if finding.check == "endpoint"]

    assert finding.fails
    assert "from django_mcp.urls" in finding.advice


urlpatterns = []


def test_a_tool_that_a_directory_would_refuse_is_named_with_its_remedy():
    draft = {**GOOD, "name": "draft", "description": ""}

    assert [(finding.check, finding.status, finding.text, finding.advice) for finding in judge("s", [GOOD, draft])][
        :1
    ] == [("tool draft", "warning", "s: no description", "Write a docstring, or pass description=")]
    assert [finding.check for finding in judge("s", [GOOD])] == ["directories", "size"]
    large = {**GOOD, "description": "x" * (4 * MANY_TOKENS)}
    assert [finding.status for finding in judge("s", [large]) if finding.check == "size"] == ["warning"]
    assert list(judge("s", [])) == []


def test_a_database_that_does_not_answer_is_a_problem(monkeypatch):
    from django.db import DatabaseError

    from django_mcp.management.doctor import project

    def refuse(connection):
        raise DatabaseError("no")

    monkeypatch.setattr(project, "MigrationExecutor", refuse)

    assert next(iter(examine("plain"))).text == "The database does not answer: no"
