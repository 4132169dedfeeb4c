"""Titles and descriptions that are translated for each reader: `gettext_lazy` in declarations, and names of models."""

import json

import pytest
from django.contrib.auth.models import Group
from django.urls import path
from django.utils.translation import gettext_lazy as _

from django_mcp import CacheHints, MCPServer
from django_mcp.contrib.model_toolset import ModelToolset
from django_mcp.urls import endpoint

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]

GERMAN = {"Accept-Language": "de-AT, en;q=0.5"}

spoken = MCPServer("spoken", cache=CacheHints(5000, "public"))
seeks = MCPServer("seeks", search_tools_above=0)
chosen = MCPServer("chosen", language=lambda ctx: "fr")


class Groups(ModelToolset):
    model = Group
    fields = ("id", "name")
    operations = ("list", "get")
    model_permissions = False


@seeks.tool(title=_("Yes"), description=_("No"))
@chosen.tool(title=_("Yes"))
@spoken.tool(title=_("Yes"), description=_("No"))
def agree() -> str:
    return ""


@spoken.prompt(title=_("Yes"), description=_("No"))
def ask() -> str:
    return ""


@spoken.resource("yes://it", title=_("Yes"), description=_("No"))
def it() -> str:
    return ""


@spoken.resource("yes://{name}", title=_("Yes"), description=_("No"))
def named(name: str) -> str:
    return ""


spoken.toolset(Groups)
urlpatterns = [path(server.name, endpoint(server, public=True)) for server in (spoken, seeks, chosen)]


@pytest.fixture(params=[(GERMAN, "Ja", "Nein"), ({}, "Yes", "No")], ids=["German", "English"])
def reader(request, connect):
    headers, yes, no = request.param
    return connect("/spoken", headers=headers), yes, no


def test_each_reader_gets_the_texts_in_their_language(reader):
    client, yes, no = reader
    entries = [
        client.list_tools()[0],
        client.list_prompts()[0],
        client.list_resources()[0],
        client.list_resource_templates()[0],
    ]
    assert [(entry["title"], entry["description"]) for entry in entries] == [(yes, no)] * 4
    assert entries[0]["annotations"]["title"] == yes
    assert client.get_prompt("ask")["description"] == no


def test_the_names_of_a_models_tools_are_of_no_language_and_their_titles_of_the_readers(connect):
    def listed(headers):
        tools = connect("/spoken", headers=headers).list_tools()
        return {tool["name"]: tool["title"] for tool in tools[1:]}

    assert listed({}) == {"list_groups": "List groups", "get_group": "Get group"}
    assert listed(GERMAN) == {"list_groups": "Gruppen auflisten", "get_group": "Gruppe abrufen"}


def test_the_servers_own_function_says_which_language(connect):
    assert connect("/chosen", headers=GERMAN).list_tools()[0]["title"] == "Oui"


def test_a_search_finds_the_words_that_the_reader_reads(connect):
    found = connect("/seeks", headers=GERMAN).call_tool("search_tools", {"query": "nein"}).text
    assert [(tool["name"], tool["description"]) for tool in json.loads(found)] == [("agree", "Nein")]


def test_a_project_without_translations_gets_them_as_they_are_written(connect, settings):
    settings.USE_I18N = False
    assert connect("/spoken", headers=GERMAN).list_tools()[0]["title"] == "Yes"


def test_no_cache_hands_the_list_of_one_reader_to_another(connect, era):
    scope = connect("/spoken").request("tools/list").get("cacheScope")
    assert scope == ("private" if era == "modern" else None)
