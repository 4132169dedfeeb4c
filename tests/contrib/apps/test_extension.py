"""Apps as clients of either era see them."""

import pytest
from django.contrib.auth.models import Permission
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

from django_mcp import MCPServer
from django_mcp.contrib.apps import Apps, app
from django_mcp.testing import MCPError
from tests.contrib.apps.serving import extension, server
from tests.tables import cases

pytestmark = pytest.mark.django_db

MIME_TYPE = "text/html;profile=mcp-app"
DECLARED = {"extensions": {"io.modelcontextprotocol/ui": {"mimeTypes": [MIME_TYPE]}}}


def test_apps_are_linked_for_every_client_alike(client_of, era, lane):
    plain = client_of(era=era, **lane)
    speaking = client_of(era=era, capabilities=DECLARED, **lane)

    for client in (plain, speaking):
        tools = {tool["name"]: tool.get("_meta") for tool in client.list_tools()}
        assert tools == {
            "list_orders": {"ui": {"resourceUri": "ui://shop/orders"}, "ui/resourceUri": "ui://shop/orders"},
            "edit_group": {"ui": {"resourceUri": "ui://shop/form"}, "ui/resourceUri": "ui://shop/form"},
            "for_models": {"ui": {"visibility": ["model"]}},
        }
    method = client_of(era=era, **lane).initialize if era == "handshake" else lambda: plain.request("server/discover")
    capabilities = method()["capabilities"]
    assert capabilities["extensions"] == {"io.modelcontextprotocol/ui": {}}
    assert "resources" in capabilities
    assert [client.call_tool("list_orders").text for client in (plain, speaking)] == ["text", "apps"]


def test_the_template_is_read_without_a_caller(client_of, era, django_user_model):
    ada = django_user_model.objects.create_user("ada")
    meta = {
        "ui": {
            "csp": {"connectDomains": ["https://api.shop.example"]},
            "permissions": {"clipboardWrite": {}},
            "prefersBorder": False,
        }
    }
    client = client_of(ada, era=era)

    [content] = client.request("resources/read", {"uri": "ui://shop/orders"})["contents"]
    html = content.pop("text")
    [entry] = [one for one in client.request("resources/list")["resources"] if one["uri"] == "ui://shop/orders"]

    assert content == {"uri": "ui://shop/orders", "mimeType": MIME_TYPE, "_meta": meta}
    assert entry == {"uri": "ui://shop/orders", "name": "orders", "mimeType": MIME_TYPE, "_meta": meta}
    assert html.startswith("<!doctype html><html><head>")
    assert "<body>Orders of , 2026</body>" in html
    assert "ui/initialize" in html


def test_an_app_that_one_may_not_see_is_answered_as_an_unknown_one(client_of, era, lane, django_user_model):
    ada, bob = (django_user_model.objects.create_user(name) for name in ("ada", "bob"))
    ada.user_permissions.add(Permission.objects.get(codename="view_group"))

    def read(user, uri):
        with pytest.raises(MCPError) as failed:
            client_of(user, era=era, **lane).request("resources/read", {"uri": uri})
        return str(failed.value), failed.value.data

    for user in (bob, None):
        client = client_of(user, era=era, **lane)
        assert "ui://shop/secret" not in {one["uri"] for one in client.request("resources/list")["resources"]}
        message, data = read(user, "ui://shop/secret")
        unknown, unknown_data = read(user, "ui://shop/nothing")
        assert message == unknown
        assert data == {"uri": "ui://shop/secret"}
        assert unknown_data == {"uri": "ui://shop/nothing"}
    assert "contents" in client_of(ada, era=era, **lane).request("resources/read", {"uri": "ui://shop/secret"})


def test_the_bytes_of_a_hidden_app_and_an_unknown_one_are_the_same(client_of, urls, client):
    def read(uri):
        message = {"jsonrpc": "2.0", "id": 1, "method": "resources/read", "params": {"uri": uri}}
        headers = {"accept": "application/json, text/event-stream"}
        initialize = {
            "jsonrpc": "2.0",
            "id": 0,
            "method": "initialize",
            "params": {
                "protocolVersion": "2025-11-25",
                "capabilities": {},
                "clientInfo": {"name": "c", "version": "1"},
            },
        }
        opened = client.post("/shop", initialize, content_type="application/json", headers=headers)
        session = {"Mcp-Session-Id": opened["Mcp-Session-Id"], "MCP-Protocol-Version": "2025-11-25"}
        answer = client.post("/shop", message, content_type="application/json", headers=headers | session)
        return answer.status_code, answer.content.replace(uri.encode(), b"URI"), sorted(answer.headers)

    assert read("ui://shop/secret") == read("ui://shop/absent")


def test_a_template_may_be_guarded_otherwise_than_its_tools():
    shop = MCPServer("guarded", extensions=[Apps()])
    shop.tool(name="a", app=app("a.html", permission="auth.view_group"), permission="auth.add_group")(lambda: 1)
    shop.tool(name="b", app=app("b.html"), scopes=["b"])(lambda: 1)

    access = {uri: resource.access for uri, resource in shop.registry.resources.items()}
    assert (access["ui://a"].codenames, access["ui://a"].scopes) == (("auth.view_group",), ())
    assert (access["ui://b"].codenames, access["ui://b"].scopes) == ((), ("b",))


def test_tools_share_an_app():
    shop, one = MCPServer("sharing", extensions=[Apps()]), app("a.html", border=True)
    for name in ("a", "b"):
        shop.tool(name=name, app=one)(lambda: 1)
    shop.tool(name="c", app="c.html")(lambda: 1)
    shop.tool(name="d", app="c.html")(lambda: 1)

    assert list(shop.registry.resources) == ["ui://a", "ui://c"]


@cases(
    ("first", "second", "message"),
    [
        ({"app": "a.html"}, {"app": app("a.html", border=True)}, "ui://a is another app already; declare it once"),
        ({"app": "a.html"}, {"app": "a.html", "permission": "auth.add_group"}, "other permissions; say the template's"),
        ({"app": "a.html"}, {"app": 7}, "app is the name of a template"),
        ({"app": "a.html"}, {"visibility": "user"}, "visibility is 'model', 'app' or both, not 'user'"),
        ({"app": "a.html"}, {"visibility": []}, "visibility is 'model', 'app' or both"),
        ({"app": "a.html"}, {"app": "b.html", "meta": {"ui": {}}}, "take it out of meta"),
    ],
)
def test_a_conflict_names_the_remedy(first, second, message):
    shop = MCPServer("conflicts", extensions=[Apps()])
    shop.tool(name="first", **first)(lambda: 1)

    with pytest.raises(ImproperlyConfigured, match=f"Tool 'second'.*{message}"):
        shop.tool(name="second", **second)(lambda: 1)


def test_a_search_for_tools_leaves_out_those_of_apps():
    tools = server.registry.tools

    assert {name for name, tool in tools.items() if not tool.searchable} == {"save_group"}


def test_one_extension_serves_several_servers_with_apps_of_their_own():
    both = Apps()
    one, other = (MCPServer(name, extensions=[both]) for name in ("one", "other"))
    one.tool(name="a", app="a.html")(lambda: 1)
    other.tool(name="a", app=app("a.html", border=True))(lambda: 1)

    assert [both.on(each).apps["ui://a"].border for each in (one, other)] == [None, True]


@override_settings(STATIC_URL="https://cdn.example/static/")
def test_files_from_elsewhere_are_granted_to_the_templates_that_use_them(shop, urls):
    one = extension.on(server).apps["ui://shop/secret"]
    assert extension.document(server, one).origins.resources == ()

    shop["shop/secret.html"] = shop["shop/secret.html"].replace(
        "BODY", "{% load static %}<img src='{% static 'x.png' %}'>"
    )
    assert extension.document(server, one).origins.resources == ("https://cdn.example",)


@cases("given", [None, [], {"mimeTypes": "text/html"}, {"mimeTypes": ["text/html"]}, {"mimeTypes": {}}])
def test_settings_of_a_wrong_type_are_those_of_a_client_without_apps(client_of, given):
    client = client_of(era="modern", capabilities={"extensions": {"io.modelcontextprotocol/ui": given}})

    assert client.call_tool("list_orders").text == "text"
