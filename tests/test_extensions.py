"""An extension over HTTP: everything that it may declare, to clients that declare it and to clients that do not."""

import json
import logging

import pytest
from django.core.checks import Info, run_checks
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.http import HttpResponse
from django.test import Client
from django.urls import include, path
from pydantic import BaseModel

from django_mcp import MCPServer, ProtocolError
from django_mcp.extensions import Extension, ExtensionMethod, ExtensionResult, Instead, ListenKey, ToolPart
from django_mcp.storage.sweep import sweep
from django_mcp.testing import MCPClient, MCPError
from django_mcp.urls import endpoint
from tests.tables import cases

ID = "com.example/lending"
OLD_ID = "com.example/loans"
DECLARED = {"extensions": {ID: {}}}


class Loan(BaseModel):
    book: str


class Lending(Extension):
    """Every hook once."""

    id = ID
    other_ids = (OLD_ID,)
    eras = ("handshake", "modern")
    needs = ("resources",)
    tool_options = ("lent", "hidden")
    result_types = ("com.example/lent",)
    error_statuses = {-32050: 409}

    def settings(self, server):
        return {"server": server.name}

    def capabilities(self, server):
        return {"lending": {}, "tools": {"mine": True}}

    def methods(self):
        return [
            ExtensionMethod(name="loans/get", handler=self.get, params=Loan, name_source="book"),
            ExtensionMethod(name="loans/aget", handler=self.aget, params=Loan, requires_client=False),
            ExtensionMethod(name="loans/list", handler=self.list, requires_client=False, is_cacheable=True),
            ExtensionMethod(name="loans/secret", handler=self.list, permission=lambda principal: False),
            ExtensionMethod(name="loans/modern", handler=self.list, requires_client=False, eras=("modern",)),
        ]

    def get(self, params, ctx):
        if params.book == "lost":
            raise ProtocolError(-32050, "The book is lost")
        if params.book == "torn":
            raise ValueError("secret of the library")
        if params.book == "typed":
            return ExtensionResult("com.example/lent", {"book": "typed"})
        return {"book": params.book, "settings": ctx.client_extension(ID)}

    async def aget(self, params, ctx):
        return {"book": params.book}

    def list(self, params, ctx):
        return {"loans": [], "params": params}

    def listen_keys(self):
        return [
            ListenKey(
                name="loans", notification="notifications/loans", accept=lambda value, ctx: value, payload=self.payload
            )
        ]

    def payload(self, value, caller):
        return {"book": value}

    def middleware(self):
        return [self.stamp]

    def stamp(self, invocation):
        yield
        if invocation.name == "stamped":
            invocation.answer(f"{invocation.value}, stamped")

    def install(self, server):
        server.tool(lambda: "installed", name="installed")

    def read_tool(self, server, tool):
        if tool.options.get("lent") == "never":
            raise ImproperlyConfigured(f"{tool.label}: a book is lent or it is not.")
        return ToolPart(
            meta={"com.example/lent": True}, data=tool.options.get("lent"), searchable="hidden" not in tool.options
        )

    def intercept(self, call):
        assert call.name.startswith("lent_")
        match call.data:
            case "result":
                return Instead(lambda: ExtensionResult("com.example/lent", {"taskId": "t", "resultType": "x"}))
            case "around":
                return Instead(lambda: f"[{call.proceed()}]", keeps_options=True)
            case "aaround":

                async def around():
                    return f"[{await call.proceed()}]"

                return Instead(around, keeps_options=True)
            case "refuse":
                raise ProtocolError(-32050, f"{call.name} of {call.arguments} is not lent")
        return None

    def checks(self, server):
        return [Info(f"{server.name} lends.", id="lending.I001")]

    def urls(self, server):
        return [path("loans.txt", lambda request: HttpResponse(server.name))]

    def root_urls(self, server):
        return [path("loans.txt", lambda request: HttpResponse("root"))]

    def purge(self, *, batch_size, dry_run, limit=None):
        return {"loans": 0 if dry_run else batch_size if limit is None else limit}


class Brackets(Extension):
    """A second interceptor."""

    id = "com.example/brackets"

    def intercept(self, call):
        if call.name != "lent_around" or call.is_async:
            return None
        assert call.bound == {"book": "Emma"}
        return Instead(lambda: f"({call.proceed()})")


library = MCPServer("library", version="1", extensions=[Brackets(), Lending()], search_tools_above=100)


@library.tool
def stamped() -> str:
    return "plain"


@library.tool(lent="result", read_only=True)
def lent_result(book: str) -> str:
    return book


@library.tool(lent="around")
def lent_around(book: str) -> str:
    return book


@library.tool(lent="aaround")
async def lent_aaround(book: str) -> str:
    return book


@library.tool(lent="refuse", hidden=True)
def lent_refused(book: str) -> str:
    return book


urlpatterns = [
    path("mcp", include("django_mcp.urls")),
    path("library", endpoint(library, public=True)),
]

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.test_extensions")]


@pytest.fixture
def declaring(connect):
    return connect("/library", capabilities=DECLARED)


@pytest.fixture
def plain(connect):
    return connect("/library")


def test_an_extension_is_advertised_under_each_of_its_ids_and_beside_the_core(declaring, era):
    capabilities = declaring.initialize()["capabilities"]

    brackets = {"com.example/brackets": {}} if era == "modern" else {}
    settings = {"server": "library"}
    assert capabilities["extensions"] == {**brackets, ID: settings, OLD_ID: settings}
    assert capabilities["lending"] == {}
    assert "resources" in capabilities
    assert "mine" not in capabilities["tools"]


def test_a_method_is_for_requests_that_declare_the_extension_under_any_id(connect, declaring, plain, era):
    result = declaring.request("loans/get", {"book": "Emma"})
    assert (result["book"], result["settings"]) == ("Emma", {})
    assert result.get("resultType") == ("complete" if era == "modern" else None)
    assert connect("/library", capabilities={"extensions": {OLD_ID: {}}}).request("loans/get", {"book": "Emma"})
    with pytest.raises(MCPError) as refused:
        plain.request("loans/get", {"book": "Emma"})
    assert refused.value.code == -32021
    assert refused.value.data == {"requiredCapabilities": {"extensions": {ID: {}}}}


@cases("extensions", [{ID: True}, {ID: None}, {ID: []}, [ID], ID, 7, None, {"a/b": {}}, {"": {}}])
def test_a_declaration_of_the_wrong_type_declares_nothing(extensions):
    client = MCPClient("/library", era="modern", capabilities={"extensions": extensions})

    with pytest.raises(MCPError) as refused:
        client.request("loans/get", {"book": "Emma"})

    assert refused.value.code == -32021


@cases(
    ("method", "params", "code", "message"),
    [
        ("loans/get", {}, -32602, "Invalid params: book: Field required"),
        ("loans/get", {"book": 7}, -32602, "Invalid params: book: Input should be a valid string"),
        ("loans/get", {"book": "lost"}, -32050, "The book is lost"),
        ("loans/get", {"book": "torn"}, -32603, "Internal error"),
        ("loans/secret", {}, -32601, "Method not found: loans/secret"),
        ("loans/nothing", {}, -32601, "Method not found: loans/nothing"),
    ],
)
def test_a_methods_failures_are_errors_of_the_protocol(method, params, code, message, db, caplog):
    caplog.set_level(logging.CRITICAL)
    for version in ("2025-11-25", "2026-07-28"):
        client = MCPClient("/library", version=version, capabilities=DECLARED)
        with pytest.raises(MCPError) as refused:
            client.request(method, params)

        assert (refused.value.code, refused.value.message) == (code, message)
        statuses = {-32050: 409, -32602: 400, -32601: 404}
        assert refused.value.status == (statuses.get(code, 200) if client.era == "modern" else 200)


def test_a_name_source_is_mirrored_by_its_header(declaring, era):
    if era == "handshake":
        assert declaring.request("loans/get", {"book": "Emma"}, headers={"mcp-name": ""})
        return
    for header in ("Persuasion", ""):
        with pytest.raises(MCPError) as refused:
            declaring.request("loans/get", {"book": "Emma"}, headers={"mcp-name": header})
        assert (refused.value.code, refused.value.status) == (-32020, 400)


def test_methods_without_a_declaration_may_be_async_cached_and_of_one_era(plain, era):
    assert plain.request("loans/aget", {"book": "Emma"})["book"] == "Emma"
    listed = plain.request("loans/list", {"cursor": "c"})
    assert listed["params"] == {"cursor": "c"}
    assert (listed["ttlMs"], listed["cacheScope"]) == (0, "private")
    if era == "handshake":
        with pytest.raises(MCPError, match="loans/modern"):
            plain.request("loans/modern")


def call(client, name):
    return client.request("tools/call", {"name": name, "arguments": {"book": "Emma"}})


def test_a_result_of_its_own_type_is_sent_whole_to_a_request_that_declares_it(connect, caplog):
    declaring = connect("/library", era="modern", capabilities=DECLARED)
    result = call(declaring, "lent_result")
    del result["_meta"]

    assert result == {"resultType": "com.example/lent", "taskId": "t"}
    typed = declaring.request("loans/get", {"book": "typed"})
    assert (typed["resultType"], typed["book"]) == ("com.example/lent", "typed")


def test_a_result_of_its_own_type_never_reaches_a_client_that_cannot_read_it(plain, connect, era, caplog):
    clients = [plain, connect("/library", capabilities=DECLARED)] if era == "handshake" else [plain]
    for client in clients:
        result = call(client, "lent_result")
        assert result["isError"]
        assert "taskId" not in json.dumps(result)
    assert "that does not declare it" in caplog.text


def test_interceptors_are_around_a_tool_the_first_outermost(declaring):
    assert declaring.call_tool("lent_around", {"book": "Emma"}).text == "([Emma])"
    assert declaring.call_tool("lent_aaround", {"book": "Emma"}).text == "[Emma]"
    assert declaring.call_tool("stamped").text == "plain, stamped"
    assert declaring.call_tool("installed").text == "installed"
    assert declaring.call_tool("lent_around", {"book": 7}).is_error
    with pytest.raises(MCPError, match=r"lent_refused of .* is not lent"):
        declaring.call_tool("lent_refused", {"book": "Emma"})


def test_a_tools_meta_is_stamped_for_every_client_alike(declaring, plain):
    assert declaring.list_tools() == plain.list_tools()
    stamped = {tool["name"] for tool in plain.list_tools() if tool.get("_meta") == {"com.example/lent": True}}
    assert stamped == {"lent_result", "lent_around", "lent_aaround", "lent_refused"}


def test_a_tool_that_is_not_searchable_is_not_found(plain, monkeypatch):
    monkeypatch.setattr(library, "search_tools_above", 1)

    found = json.dumps(plain.call_tool("search_tools", {"query": "lent", "limit": 20}).data)

    assert "lent_around" in found
    assert "lent_refused" not in found


def test_urls_checks_and_purging():
    assert Client().get("/library/loans.txt").content == b"library"
    assert Client().get("/loans.txt").status_code == 404
    assert [message.msg for message in run_checks(tags=["mcp"]) if message.id == "lending.I001"] == ["library lends."]


def test_mcp_purge_asks_each_extension_once(capsys):
    call_command("mcp_purge", "--batch", "7")
    call_command("mcp_purge", "--dry-run")

    said = capsys.readouterr().out
    assert said.count("7 loans.") == 1
    assert "Would purge 0 loans.\n" in said


@pytest.mark.django_db
def test_a_sweep_tells_each_extension_how_many_rows_it_may_delete(settings):
    settings.MCP_SWEEP_SECONDS, settings.MCP_SWEEP_ROWS = 600, 5

    assert sweep()["loans"] == 5


def test_options_are_the_extensions_that_the_server_has():
    bare, lending = MCPServer("bare"), MCPServer("bare", extensions=[Lending()])

    with pytest.raises(ImproperlyConfigured, match=r"@tool has no option 'lent'. .* MCPServer\(extensions="):
        bare.tool(lent="result")(lambda: None)
    with pytest.raises(ImproperlyConfigured, match=r"take it out of meta=…\."):
        lending.tool(lent="x", meta={"com.example/lent": False})(lambda: None)
    with pytest.raises(ImproperlyConfigured, match="a book is lent or it is not"):
        lending.tool(lent="never")(lambda: None)
    with pytest.raises(ValueError, match="notifications/loans"):
        bare.notify_listeners("notifications/loans")
