"""Resources over HTTP: listed and read, fixed ones and templates, and their completion (spec server/resources)."""

import pytest
from django.contrib.auth.models import Group

from django_mcp.testing import MCPError
from tests.servers import SECRET
from tests.tables import cases

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.urls")]


def test_resources_and_templates_are_listed(connect):
    client = connect("/plain")

    assert [resource["uri"] for resource in client.list_resources()] == [
        "note://motto",
        "note://seal",
        "broken://resource",
    ]
    assert client.list_resources()[0] == {
        "uri": "note://motto",
        "name": "motto",
        "description": "The words over the door.",
        "mimeType": "text/plain",
    }
    assert client.list_resource_templates() == [
        {"uriTemplate": "group://{name}", "name": "group", "description": "A group that is in the database."}
    ]


def test_text_is_read_as_text_and_bytes_as_base64(connect):
    client = connect("/plain")

    assert client.read_resource("note://motto") == [
        {"uri": "note://motto", "mimeType": "text/plain", "text": "Festina lente"}
    ]
    assert client.read_resource("note://seal") == [{"uri": "note://seal", "mimeType": "image/png", "blob": "iVBORw=="}]


def test_a_template_gives_its_variables_to_the_function_decoded(connect):
    Group.objects.create(name="Æ & friends")

    uri = "group://%C3%86%20%26%20friends"
    assert connect("/plain").read_resource(uri) == [
        {"uri": uri, "mimeType": "application/json", "text": '{"name":"Æ & friends"}'}
    ]


@cases("uri", ["note://nothing", "group://nobody", "", "\u0000", "group://%ff"])
def test_a_resource_that_there_is_not_is_an_error_with_its_uri(connect, era, uri):
    """Under -32002 before 2026-07-28, which retired that code for -32602."""
    with pytest.raises(MCPError) as refused:
        connect("/plain").read_resource(uri)

    assert (refused.value.message, refused.value.data) == ("Resource not found", {"uri": uri})
    assert (refused.value.code, refused.value.status) == ((-32002, 200) if era == "handshake" else (-32602, 400))


def test_a_variable_that_no_row_can_hold_finds_nothing_or_fails(connect):
    """PostgreSQL refuses U+0000 where SQLite looks for it."""
    with pytest.raises(MCPError) as refused:
        connect("/plain").read_resource("group://%00")

    assert refused.value.message in ("Resource not found", "Internal error")


def test_a_resource_that_raises_says_nothing_of_the_exception(connect, caplog):
    with pytest.raises(MCPError) as refused:
        connect("/plain").read_resource("broken://resource")

    assert (refused.value.code, refused.value.message, refused.value.data) == (-32603, "Internal error", None)
    assert refused.value.status == 200
    assert SECRET in caplog.text


def test_a_variable_of_a_template_is_completed(connect):
    client = connect("/plain")
    reference = {"type": "ref/resource", "uri": "group://{name}"}

    assert client.complete(reference, "name", "") == ["editors", "readers", "writers"]
    assert client.complete(reference, "name", "r") == ["readers"]
    assert client.complete(reference, "unknown", "") == []


def test_completion_for_what_there_is_not_is_refused(connect):
    for reference in ({"type": "ref/resource", "uri": "nothing://"}, {"type": "ref/prompt", "name": "nothing"}):
        with pytest.raises(MCPError) as refused:
            connect("/plain").complete(reference, "name", "")
        assert refused.value.code == -32602
