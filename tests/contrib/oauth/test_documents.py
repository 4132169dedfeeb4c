"""Clients' own documents: for whom they are fetched, and from where."""

from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from django.utils import timezone
from oauth2_provider.cimd import CIMDError, SafeMetadataFetcher
from oauth2_provider.models import Application

from django_mcp.contrib.oauth.documents import DocumentFetcher
from tests.contrib.oauth.test_clients import DECEIVING
from tests.contrib.oauth.visits import CALLBACK
from tests.tables import cases

pytestmark = pytest.mark.django_db

CHALLENGE = "c" * 43


@pytest.fixture(autouse=True)
def fetched(monkeypatch):
    """The documents that were fetched: each is well."""
    cache.clear()
    fetched = []

    def fetch(self, client_id):
        fetched.append(client_id)
        return {"client_id": client_id, "client_name": "A web client", "redirect_uris": [CALLBACK]}, 300

    monkeypatch.setattr(SafeMetadataFetcher, "fetch", fetch)
    yield fetched
    cache.clear()


@pytest.fixture
def browser():
    browser = Client()
    browser.force_login(User.objects.create_user("ada"))
    return browser


def ask(browser, client_id, **parameters):
    asked = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": CALLBACK,
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        "resource": "http://testserver/secure/mcp",
        **parameters,
    }
    return browser.get(f"/oauth/authorize/?{urlencode(asked)}")


def test_a_stranger_sends_the_server_nowhere(fetched):
    client_id = "https://app.example.org/client.json"

    for path, fields in (("token", {"grant_type": "authorization_code", "code": "x"}), ("revoke", {"token": "x"})):
        assert Client().post(f"/oauth/{path}/", {"client_id": client_id, **fields}).status_code in (400, 401)
        basic = {"Authorization": "Basic aHR0cHMlM0EvL2FwcC5leGFtcGxlLm9yZy9jLmpzb246eA=="}
        assert Client().post(f"/oauth/{path}/", fields, headers=basic).status_code in (400, 401)
    for prompt in ("", "none", "create", "login"):
        ask(Client(), client_id, prompt=prompt)
    header = {"Django_mcp.oauth.asked_by": "1", "Django-Mcp.Oauth.Asked-By": "1"}
    Client().post("/oauth/token/", {"client_id": client_id, "grant_type": "refresh_token"}, headers=header)

    assert fetched == []
    assert not Application.objects.exists()


def test_a_user_has_a_document_fetched_which_is_asked_for_again_when_it_is_old(fetched, browser):
    client_id = "https://app.example.org/client.json"

    assert ask(browser, client_id).status_code == 200
    assert ask(browser, client_id).status_code == 200
    assert fetched == [client_id]
    Application.objects.update(cimd_expires_at=timezone.now())
    # The token endpoint takes the client as it is known.
    refused = Client().post(
        "/oauth/token/", {"grant_type": "refresh_token", "refresh_token": "x", "client_id": client_id}
    )
    assert refused.json()["error"] == "invalid_grant"
    assert fetched == [client_id]
    assert ask(browser, client_id).status_code == 200
    assert fetched == [client_id] * 2


@cases(
    "client_id",
    [
        "https://\u0441laude.ai/client.json",
        "https://app.example.org:22/client.json",
        "https://app.example.org:99999/client.json",
        "https://user@app.example.org/client.json",
        "https://app.example.org\\@evil.example.com/client.json",
        "https://app.example.org/cl\u202eient.json",
        f"https://app.example.org/{'x' * 200}.json",
    ],
)
def test_a_url_that_people_or_programs_read_differently_is_no_client(fetched, browser, client_id):
    assert ask(browser, client_id).status_code == 400
    assert fetched == []


def test_one_user_has_so_many_documents_fetched_an_hour(fetched, browser, settings):
    settings.MCP_OAUTH_DOCUMENTS_PER_USER = 2

    answers = [ask(browser, f"https://app.example.org/{number}.json").status_code for number in range(3)]

    assert answers == [200, 200, 400]
    assert len(fetched) == 2
    other = Client()
    other.force_login(User.objects.create_user("bob"))
    assert ask(other, "https://app.example.org/3.json").status_code == 200


def test_a_client_whose_id_is_no_ascii_is_not_shown_though_it_is_known(browser):
    Application.objects.create(
        name="Claude",
        client_id="https://\u0441laude.ai/client.json",
        client_type="public",
        authorization_grant_type="authorization-code",
        redirect_uris=CALLBACK,
        registration_source="cimd",
    )

    page = ask(browser, "https://\u0441laude.ai/client.json")
    assert (page.status_code, "Claude" in page.content.decode()) == (400, False)


def test_what_could_deceive_is_refused_in_a_clients_document(monkeypatch):
    document = {"client_id": "https://app.example.org/client.json", "client_name": "A", "redirect_uris": [CALLBACK]}

    for metadata in DECEIVING:
        said = {**document, **metadata}
        monkeypatch.setattr(SafeMetadataFetcher, "fetch", lambda self, client_id, said=said: (said, 300))
        with pytest.raises(CIMDError):
            DocumentFetcher().fetch(document["client_id"])
    monkeypatch.setattr(SafeMetadataFetcher, "fetch", lambda self, client_id: (document, 300))
    assert DocumentFetcher().fetch(document["client_id"]) == (document, 300)
