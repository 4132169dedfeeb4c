from itertools import count

import pytest
from django.utils.functional import lazy
from django.utils.translation import gettext_lazy

from django_mcp import CacheHints, MCPServer
from django_mcp.methods.lists import MOST_KEPT
from django_mcp.protocol import jsonrpc
from tests.answering import HANDSHAKE, MODERN, VERSIONS, ask
from tests.tables import cases

LISTS = [
    ("tools/list", "tools", "name"),
    ("resources/list", "resources", "uri"),
    ("resources/templates/list", "resourceTemplates", "uriTemplate"),
    ("prompts/list", "prompts", "name"),
]


@pytest.fixture
def server():
    """Five of everything, in pages of two."""
    server = MCPServer("test", version="1", page_size=2, cache=CacheHints(5000, "public"))
    for number in range(5):
        server.tool(name=f"t{number}")(lambda: None)
        server.prompt(name=f"t{number}")(lambda: "hi")
        server.resource(f"t{number}:x")(lambda: "hi")
        server.resource(f"t{number}:{{x}}")(lambda x: x)
    return server


@cases("version", VERSIONS)
@cases(("method", "key", "name"), LISTS)
def test_pages_list_everything_once_and_in_the_order_of_declaration(server, method, key, name, version):
    names, sizes, cursor = [], [], {}
    while cursor is not None:
        result = ask(server, method, cursor, version).result
        names += [entry[name] for entry in result[key]]
        sizes.append(len(result[key]))
        cursor = {"cursor": result["nextCursor"]} if "nextCursor" in result else None

    assert sizes == [2, 2, 1]
    assert [text.partition(":")[0] for text in names] == ["t0", "t1", "t2", "t3", "t4"]


@cases("version", VERSIONS)
@cases("cursor", ["", "nonsense", "W10="])
def test_a_cursor_of_something_else_is_refused(server, version, cursor):
    answer = ask(server, "tools/list", {"cursor": cursor}, version)

    assert answer.status == (400 if version == MODERN else 200)
    assert answer.error == {"code": -32602, "message": "Invalid cursor: start again without one"}


def test_a_cursor_is_of_one_list(server):
    cursor = ask(server, "tools/list").result["nextCursor"]

    assert ask(server, "prompts/list", {"cursor": cursor}).error["code"] == -32602


@cases("cursor", [5, ["a"], {}])
def test_a_cursor_is_text(server, cursor):
    assert ask(server, "tools/list", {"cursor": cursor}).error["code"] == -32602


@cases(("method", "key", "name"), LISTS)
def test_modern_lists_say_how_long_they_keep(server, method, key, name):
    result = ask(server, method, version=MODERN).result

    assert result.keys() == {"resultType", key, "nextCursor", "ttlMs", "cacheScope", "_meta"}
    assert (result["resultType"], result["ttlMs"], result["cacheScope"]) == ("complete", 5000, "public")


@cases("version", HANDSHAKE)
@cases(("method", "key", "name"), LISTS)
def test_handshake_lists_say_nothing_of_it(server, method, key, name, version):
    assert ask(server, method, version=version).result.keys() == {key, "nextCursor"}


@cases("version", VERSIONS)
@cases("method", [method for method, _, _ in LISTS])
def test_a_server_that_offers_none_has_no_such_method(method, version):
    answer = ask(MCPServer("bare", version="1"), method, version=version)

    assert (answer.status, answer.error["code"]) == (404 if version == MODERN else 200, -32601)


@cases("version", VERSIONS)
def test_a_server_with_resources_lists_templates_too_even_if_there_are_none(version):
    server = MCPServer("test", version="1")
    server.resource("a:b")(lambda: "hi")

    assert ask(server, "resources/templates/list", version=version).result["resourceTemplates"] == []


def test_pages_are_as_long_as_the_setting_says(settings):
    settings.MCP_PAGE_SIZE = 1
    server = MCPServer("test")
    server.tool(name="a")(lambda: None)
    server.tool(name="b")(lambda: None)

    assert len(ask(server, "tools/list").result["tools"]) == 1


@cases(("method", "key", "name"), LISTS)
def test_an_entry_is_written_once_for_each_revision_that_somebody_speaks(server, method, key, name, monkeypatch):
    encoded = []
    monkeypatch.setattr(jsonrpc, "encode", lambda value, encode=jsonrpc.encode: encoded.append(value) or encode(value))

    for version in (*VERSIONS, *VERSIONS):
        assert len(ask(server, method, {}, version).result[key]) == 2

    assert sum(name in value for value in encoded if isinstance(value, dict)) == 2 * len(VERSIONS)


def test_the_languages_of_which_a_text_is_kept_are_bounded():
    languages = (f"x{number}" for number in count())
    server = MCPServer("test", language=lambda ctx: next(languages))
    server.tool(name="t", title=gettext_lazy("Yes"))(lambda: None)
    tool = server.registry.tools["t"]
    for _ in range(2 * MOST_KEPT):
        assert ask(server, "tools/list").result["tools"][0]["title"] == "Yes"

    assert len(tool.written) == MOST_KEPT


@cases("version", VERSIONS)
def test_a_lazy_text_that_says_something_else_for_each_tenant_is_not_kept(version):
    tenant = ["Ada's"]
    server = MCPServer("test")
    server.prompt(name="t", description=lazy(lambda: tenant[0], str)())(lambda: "hi")
    for said in ["Ada's", "Bob's"]:
        tenant[0] = said
        assert ask(server, "prompts/list", {}, version).result["prompts"] == [{"name": "t", "description": said}]


@cases("version", [*HANDSHAKE[2:], MODERN])
def test_a_lazy_text_in_a_tuple_is_in_each_readers_language(version):
    languages = ["de", "en", "de"]
    server = MCPServer("test", language=lambda ctx: languages.pop(0))
    server.prompt(name="t", meta={"says": ("t", gettext_lazy("Yes"))})(lambda: "hi")

    listed = [ask(server, "prompts/list", {}, version).result["prompts"] for _ in (1, 2, 3)]

    assert listed == [[{"name": "t", "_meta": {"says": ["t", said]}}] for said in ("Ja", "Yes", "Ja")]


@cases("version", VERSIONS)
def test_tools_that_a_server_was_given_a_function_for_are_listed_to_those_who_may_use_them(monkeypatch, version):
    """As a test does with a mock: without a subclass."""
    guarded, server = MCPServer("guarded"), MCPServer("test")
    guarded.tool(name="secret", permission="auth.view_user")(lambda: None)
    monkeypatch.setattr(server, "get_tools", lambda request: guarded.registry.tools)

    assert ask(server, "tools/list", {}, version).result["tools"] == []
    assert not server.methods["tools/list"].is_inert(server, {})
