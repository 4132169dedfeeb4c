"""The page as it is sent: its markup, its policy, and where it sends people to sign in."""

import gzip
import json
import re
from html.parser import HTMLParser

import pytest
from django.conf import settings
from django.template import engines
from django.test import override_settings

from django_mcp import gates
from django_mcp.page import answer
from tests.servers import MARKUP

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("tests.urls"), pytest.mark.usefixtures("debug")]


@pytest.fixture
def debug(settings):
    settings.DEBUG = True


class Scripts(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        assert not [name for name, _ in attributes if name.startswith("on") or name == "style"]
        if tag in ("script", "style", "img", "iframe", "object", "link"):
            self.found.append((tag, dict(attributes)))


def test_the_policy_lets_in_the_pages_own_script_and_nobody_who_frames_it(browser):
    response = browser.open()
    policy = response.headers["content-security-policy"]
    [nonce] = set(re.findall(r"'nonce-([^']+)'", policy))

    assert policy == (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; "
        "img-src data:; media-src data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
    assert nonce not in browser.open().content.decode()
    headers = {name: response.headers[name] for name in ("cache-control", "x-frame-options", "referrer-policy")}
    assert headers == {
        "cache-control": "no-store, private",
        "x-frame-options": "DENY",
        "referrer-policy": "same-origin",
    }
    assert {"Accept", "Cookie"} <= set(response.headers["vary"].split(", "))


def test_names_and_descriptions_are_text(browser):
    page = browser.open("/hostile").content.decode()

    assert MARKUP not in page
    scripts = [attributes for tag, attributes in Scripts(page).found if tag == "script"]
    assert [one.get("type") for one in scripts if "nonce" not in one] == ["application/json"]
    assert "img" not in [tag for tag, _ in Scripts(page).found]


def test_the_style_and_the_script_stand_in_the_page_as_they_are(browser):
    page = browser.open().content.decode()

    style = engines["django"].get_template("django_mcp/page/page.css").template.source
    script = answer.BUNDLE.read_text("utf-8")
    assert (style in page, script in page) == (True, True)
    assert [found for found in ("</script", "<!--", "new Function", "eval(") if found in script] == []
    assert "@modelcontextprotocol/client 2" in answer.BUNDLE.with_name("bundle.LICENSES.txt").read_text("utf-8")


def test_nothing_is_fetched_from_elsewhere_and_the_page_is_small(browser):
    page = browser.open().content.decode()
    markup = page.replace(answer.BUNDLE.read_text("utf-8"), "")

    assert re.findall(r"src=\"(?!data:)|<link[^>]*href=\"(?!data:)|@import|url\(", markup) == []
    assert len(gzip.compress(page.encode())) < 150_000


def test_a_person_who_is_not_signed_in_is_shown_the_projects_login(browser, ada):
    page = browser.open("/plain").content.decode()
    assert "You are not signed in" in page
    with override_settings(LOGIN_URL="/page"):
        assert '<a href="/page?next=%2Fplain">Sign in</a>' in browser.open("/plain").content.decode()
    with override_settings(LOGIN_URL="/nowhere"):
        assert "Sign in</a>" not in browser.open("/plain").content.decode()
    assert "You are <b>ada</b>" in browser.sign_in(ada).open("/plain").content.decode()


def test_an_endpoint_that_does_not_let_a_person_in_shows_nothing_of_itself(browser, ada):
    page = browser.open("/closed").content.decode()

    assert "This endpoint asks callers to sign in." in page
    assert "greet" not in page.partition("<script nonce")[0]
    assert "greet" in browser.sign_in(ada).open("/closed").content.decode()
    assert "This endpoint does not let you in" in browser.open("/forbidden").content.decode()


def test_a_person_whom_a_gate_refuses_sees_nothing_of_the_endpoint(browser, ada, monkeypatch):
    class Refuses(gates.Gate):
        def refuse_caller(self, server, principal):
            return gates.Refusal("Stopped.") if principal.account == f"user:{ada.pk}" else None

    monkeypatch.setattr(gates, "gates", [Refuses()])

    assert "greet" in browser.open("/plain").content.decode().partition("<script nonce")[0]
    assert "greet" not in browser.sign_in(ada).open("/plain").content.decode().partition("<script nonce")[0]


def test_the_script_is_told_the_era_and_the_address(browser):
    def data(path):
        found = re.search(
            r'<script id="mcp-data" type="application/json">(.*?)</script>', browser.open(path).content.decode()
        )
        return json.loads(found[1])

    told = data("/handshake/")
    assert (told["eras"], told["versions"]["handshake"], told["path"]) == (["handshake"], "2025-11-25", "/handshake/")
    assert (told["url"], told["csrfHeader"]) == ("http://testserver/handshake/", "X-CSRFTOKEN")
    assert (data("/modern")["eras"], data("/modern")["versions"]["modern"]) == (["modern"], "2026-07-28")
    assert data("/plain")["eras"] == ["modern", "handshake"]
    assert data("/plain")["streams"] is (browser.carrier == "lane")


def test_a_project_without_an_engine_for_templates_has_the_page(browser):
    with override_settings(TEMPLATES=[]):
        assert b">plain</h1>" in browser.open("/plain").content


def told(response):
    """The data of the page's script."""
    found = re.search(r'<script id="mcp-data" type="application/json">(.*?)</script>', response.content.decode())
    return json.loads(found[1])


def test_the_page_is_whole_below_a_script_name_behind_a_proxy_and_without_the_admin_or_static_files(browser, ada):
    """Nothing is collected, so that a storage which must know each file is never asked for one."""
    storage = {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"}
    apps = [app for app in settings.INSTALLED_APPS if app != "django.contrib.admin"]
    with override_settings(
        FORCE_SCRIPT_NAME="/sub",
        MCP_PUBLIC_URL="https://example.com",
        STORAGES={**settings.STORAGES, "staticfiles": storage},
        INSTALLED_APPS=apps,
        LOGIN_URL="/page",
    ):
        carried = "/sub/token" if browser.carrier == "lane" else "/token"
        page = browser.open(carried)

    data = told(page)
    assert (data["path"], data["url"]) == ("/sub/token", "https://example.com/sub/token")
    assert "https://example.com/sub/token" in data["signInUrl"] or "%2Fsub%2Ftoken" in data["signInUrl"]


def test_a_project_extends_the_page_by_a_template_of_the_same_name(browser, tmp_path):
    own = tmp_path / "django_mcp" / "page" / "page.html"
    own.parent.mkdir(parents=True)
    own.write_text(
        '{% extends "django_mcp/page/page.html" %}{% block branding %}<h1>Ours</h1>{% endblock %}'
        '{% block extrahead %}<style nonce="{{ nonce }}">h1 { color: teal }</style>{% endblock %}'
    )
    with override_settings(TEMPLATES=[{**settings.TEMPLATES[0], "DIRS": [tmp_path]}]):
        page = browser.open()

    [nonce] = set(re.findall(r"'nonce-([^']+)'", page.headers["content-security-policy"]))
    text = page.content.decode()
    assert f'<style nonce="{nonce}">h1 {{ color: teal }}</style>' in text
    assert ("<h1>Ours</h1>" in text, 'id="search"' in text) == (True, True)
