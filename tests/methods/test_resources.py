import logging

import pytest
from django.core.exceptions import ObjectDoesNotExist
from django.http import Http404

from django_mcp import CacheHints, Context, EmbeddedResource, MCPServer, ProtocolError, ResourceNotFound
from tests.answering import MODERN, VERSIONS, ask
from tests.tables import cases

SECRET = "the password is hunter2"

server = MCPServer("test", version="1", cache=CacheHints(5000, "public"))


@server.resource("news://latest", title="News", mime_type="text/plain", size=2, annotations={"priority": 1})
def latest() -> str:
    """The latest news."""
    return "hi"


@server.resource("news://picture", mime_type="image/png")
async def picture() -> bytes:
    return b"\0\xff"


@server.resource("news://all")
def everything():
    return [EmbeddedResource("news://1", text="one"), EmbeddedResource("news://2", text="two", mime_type="text/plain")]


@server.resource("news://{number}{?lang}")
def article(number: int, ctx: Context, lang: str = "en") -> dict:
    return {"number": number, "lang": lang, "method": ctx.method}


@server.resource("news://archive/{+path}")
def archive(path: str) -> str:
    return path


@server.resource("fail://{how}")
def fail(how: str):
    raise {
        "gone": ResourceNotFound(SECRET),
        "row": ObjectDoesNotExist(SECRET),
        "page": Http404(SECRET),
        "protocol": ProtocolError(-31000, "Not now"),
        "fault": ValueError(SECRET),
    }[how]


def read(uri, version="2025-11-25"):
    return ask(server, "resources/read", {"uri": uri}, version)


@cases("version", VERSIONS)
def test_resources_and_templates_are_listed_apart(version):
    resources = ask(server, "resources/list", version=version).result["resources"]
    templates = ask(server, "resources/templates/list", version=version).result["resourceTemplates"]

    whole = {
        "uri": "news://latest",
        "name": "latest",
        "title": "News",
        "description": "The latest news.",
        "mimeType": "text/plain",
        "annotations": {"priority": 1},
        "size": 2,
    }
    if version in ("2024-11-05", "2025-03-26"):
        del whole["title"]
    assert resources[0] == whole
    assert [resource["uri"] for resource in resources] == ["news://latest", "news://picture", "news://all"]
    assert templates == [
        {"uriTemplate": "news://{number}{?lang}", "name": "article"},
        {"uriTemplate": "news://archive/{+path}", "name": "archive"},
        {"uriTemplate": "fail://{how}", "name": "fail"},
    ]


def json_contents(uri, body):
    return [{"uri": uri, "mimeType": "application/json", "text": body}]


@cases("version", VERSIONS)
@cases(
    ("uri", "contents"),
    [
        ("news://latest", [{"uri": "news://latest", "mimeType": "text/plain", "text": "hi"}]),
        ("news://picture", [{"uri": "news://picture", "mimeType": "image/png", "blob": "AP8="}]),
        (
            "news://all",
            [
                {"uri": "news://1", "text": "one"},
                {"uri": "news://2", "mimeType": "text/plain", "text": "two"},
            ],
        ),
        ("news://7", json_contents("news://7", '{"number":7,"lang":"en","method":"resources/read"}')),
        ("news://7?lang=de", json_contents("news://7?lang=de", '{"number":7,"lang":"de","method":"resources/read"}')),
        ("news://archive/a/b%20c", [{"uri": "news://archive/a/b%20c", "text": "a/b c"}]),
    ],
)
def test_a_read_answers_the_contents_under_the_uri_that_was_asked_for(uri, contents, version):
    answer = read(uri, version)

    assert answer.status == 200
    if version == MODERN:
        assert answer.result == {
            "resultType": "complete",
            "contents": contents,
            "ttlMs": 5000,
            "cacheScope": "public",
            "_meta": {"io.modelcontextprotocol/serverInfo": {"name": "test", "version": "1"}},
        }
    else:
        assert answer.result == {"contents": contents}


@cases("version", VERSIONS)
@cases(
    "uri",
    [
        "news://nothing",
        "news://archive/",
        "other://7",
        "NEWS://latest",
        "news://latest/",
        "news://" + "9" * 9000,
        "not a URI",
        "fail://gone",
        "fail://row",
        "fail://page",
    ],
)
def test_what_is_not_there_and_what_is_not_to_be_seen_are_answered_alike(uri, version):
    """-32002 to a handshake client; 2026-07-28 retired that code (spec server/resources)."""
    answer = read(uri, version)

    assert answer.status == (400 if version == MODERN else 200)
    assert answer.error == {
        "code": -32602 if version == MODERN else -32002,
        "message": "Resource not found",
        "data": {"uri": uri},
    }


@pytest.mark.parametrize("version", VERSIONS)
def test_a_fault_is_logged_and_its_text_kept_from_the_client(version, caplog):
    answer = read("fail://fault", version)

    assert (answer.status, answer.error) == (200, {"code": -32603, "message": "Internal error"})
    (record,) = caplog.records
    assert (record.levelno, record.getMessage()) == (logging.ERROR, "Resource 'fail://fault' failed")
    assert SECRET in str(record.exc_info[1])


def test_a_uri_writes_no_line_of_its_own_into_the_log(caplog):
    read("fail://fault\nCRITICAL all is lost")

    assert "\n" not in caplog.records[0].getMessage()


def test_a_resource_may_answer_with_a_protocol_error():
    assert read("fail://protocol").error == {"code": -31000, "message": "Not now"}


@cases("version", ["2025-11-25", MODERN])
@cases("params", [{}, {"uri": None}, {"uri": 5}, {"uri": ["news://latest"]}])
def test_a_read_names_a_uri(params, version):
    answer = ask(server, "resources/read", params, version)

    assert (answer.status, answer.error["code"]) == (400 if version == MODERN else 200, -32602)
