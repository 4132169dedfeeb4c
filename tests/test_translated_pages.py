"""The pages as a reader of another language gets them."""

import json
import re
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.urls import include, path, reverse
from django.utils import timezone, translation
from oauth2_provider.models import Application

from django_mcp import MCPServer
from django_mcp.contrib.apps import Apps
from django_mcp.contrib.oauth.authentication import OAuthAuthentication
from django_mcp.contrib.operations.models import MissingCapability, Process, RunningCall, Switch
from django_mcp.contrib.tasks.models import Task
from django_mcp.contrib.tokens.models import APIToken
from django_mcp.models import Session
from django_mcp.page.clients import CLIENTS
from django_mcp.urls import endpoint
from tests.contrib.oauth.visits import CALLBACK, request
from tests.contrib.operations.calls import call, record
from tests.test_translations import NAMES, WORD, texts_of

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]

# A word has two letters at least, so these have none.
server = MCPServer("m", extensions=[Apps()])


@server.tool(name="x", title="X", permission=lambda principal: True, scopes=["s"])
def x() -> str:
    """X."""
    return ""


urlpatterns = [
    path("m", endpoint(server, authentication_classes=[OAuthAuthentication], public=True)),
    path("admin/", admin.site.urls),
    path("", include("django_mcp.contrib.oauth.urls")),
]

DATA = {
    *WORD.findall(
        f"{CALLBACK} cursor://app http://testserver/m tools/call admin logging extensions tests Look up airports"
    ),
    *WORD.findall(" ".join(client.title for client in CLIENTS.values())),
}
DJANGOS = {"Search", "True", "False", "None"}
"""Words that Django itself puts beside pictures, without marking them."""


def in_brackets(text):
    return f"⟦{text}⟧"


@pytest.fixture
def brackets(monkeypatch):
    """A language in which each string is itself, in brackets."""
    functions = {
        "gettext": in_brackets,
        "pgettext": lambda context, text: in_brackets(text),
        "ngettext": lambda one, many, number: in_brackets(one if number == 1 else many),
        "npgettext": lambda context, one, many, number: in_brackets(one if number == 1 else many),
    }
    for name, function in functions.items():
        monkeypatch.setattr(translation._trans, name, function)


@pytest.fixture
def rows(admin_user):
    """A row of each model that the admin shows; the text of each column is a number."""
    now, later = timezone.now(), timezone.now() + timedelta(hours=1)
    session = Session.objects.create(session_id="1" * 43, server="1", user=admin_user, expires_at=later)
    own = {"name": "2", "user_name": "3", "user_pk": "4", "client_name": "5", "server": "1", "principal": "6"}
    called = call(**own, session_pk=session.pk, token_id="7", outcome="failed", error_class="8", path="/m")
    called.save()
    process = Process.objects.create(name="9:1", running=2, streams=3)
    running = RunningCall.objects.create(process=process, number=1, started_at=now, server="1", method="2", name="3")
    return [
        session,
        called,
        running,
        APIToken.objects.create(user=admin_user, name="1", start="2", digest="3", scopes="4"),
        Task.objects.create(task_id="1" * 32, server="1", tool="2", message="3", expires_at=later),
        MissingCapability.objects.create(server="1", wanted="2", why="3"),
        Switch.objects.create(kind="tool", name="1", label="2", server="3", target="4", reason="5", is_stopped=True),
    ]


def addresses_of(row):
    """The pages of a model, and those of its row."""
    for url in admin.site._registry[type(row)].get_urls():
        if url.name and not url.name.endswith(("_export", "_delete")):
            yield reverse(f"admin:{url.name}", args=[row.pk] * len(url.pattern.converters))


def unmarked_in(response):
    """The words of a page, below the admin's header and beside its list of apps, that are in no brackets."""
    html = response.content.decode()
    text = "\n".join(texts_of(html[html.find('<div id="content"') :] if '<div id="content"' in html else html))
    while text != (text := re.sub(r"⟦[^⟦⟧]*⟧", " ", text)):
        pass
    return {*WORD.findall(text)} - NAMES - DATA - DJANGOS


@pytest.mark.usefixtures("brackets")
def test_the_admin_has_no_word_that_is_not_marked(rows, admin_client):
    pages = {address: admin_client.get(address) for row in rows for address in addresses_of(row)}

    shown = {
        address: page for address, page in pages.items() if page.status_code == 200 and "html" in page["Content-Type"]
    }
    assert len(shown) >= 3 * len(rows)
    assert {address: words for address, page in shown.items() if (words := unmarked_in(page))} == {}


@pytest.mark.usefixtures("brackets")
def test_the_page_and_the_preview_have_no_word_that_is_not_marked(client, settings):
    settings.DEBUG = True
    pages = [client.get(address, headers={"accept": "text/html"}) for address in ("/m", "/m/apps")]

    assert [page.status_code for page in pages] == [200, 200]
    assert [unmarked_in(page) for page in pages] == [set(), set()]


@pytest.mark.usefixtures("brackets")
def test_the_consent_page_has_no_word_that_is_not_marked(admin_client):
    Application.objects.create(
        name="A",
        client_id="the-client",
        client_type=Application.CLIENT_PUBLIC,
        authorization_grant_type=Application.GRANT_AUTHORIZATION_CODE,
        redirect_uris=f"{CALLBACK} http://127.0.0.1/callback cursor://app/callback",
    )
    asked = [
        request(resource="http://testserver/m", **other)
        for other in (
            {},
            {"redirect_uri": "http://127.0.0.1/callback"},
            {"redirect_uri": "cursor://app/callback"},
            {"client_id": "\0"},
        )
    ]
    pages = [admin_client.get(f"/oauth/authorize/?{urlencode(each)}") for each in asked]

    assert [page.status_code for page in pages] == [200, 200, 200, 400]
    assert [unmarked_in(page) for page in pages] == [set()] * 4


OVERVIEW = "admin:django_mcp_operations_rollup_changelist"


def test_the_overview_is_in_the_language_of_its_reader(admin_client):
    record(1231)
    record(3, outcome="failed")

    with translation.override("de"):
        content = admin_client.get(reverse(OVERVIEW)).content.decode()

    for shown in ("MCP-Übersicht", "Aktivste Benutzer", "<dd>1.234</dd>", "0,24 %"):
        assert shown in content


def test_the_script_of_the_page_has_the_words_of_its_reader(client, settings):
    settings.DEBUG = True

    with translation.override("de"):
        content = client.get("/m", headers={"accept": "text/html"}).content.decode()

    (data,) = re.findall('<script id="mcp-data"[^>]*>(.*?)</script>', content)
    assert json.loads(data)["catalog"]["Try again"] == "Erneut versuchen"


@pytest.mark.parametrize(("language", "direction"), [("de", []), ("ar", ["rtl"])])
def test_a_page_is_laid_out_in_the_direction_of_its_language(client, settings, language, direction):
    """Beside the admin, which Django lays out."""
    settings.DEBUG = True

    with translation.override(language):
        pages = [client.get(each, headers={"accept": "text/html"}) for each in ("/m", "/m/apps")]
        client.force_login(User.objects.create_user("ada"))
        pages.append(client.get("/oauth/authorize/"))

    for page in pages:
        (tag,) = re.findall("<html[^>]*>", page.content.decode())
        assert f'lang="{language}"' in tag
        assert re.findall('dir="(.*?)"', tag) == direction
