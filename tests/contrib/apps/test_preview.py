"""The preview below an endpoint, and its sandbox."""

import json
from urllib.parse import quote

import pytest

from django_mcp.contrib.apps import csp
from tests.tables import cases

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("urls")]


@pytest.mark.parametrize("path", ["/shop/apps", "/shop/apps/sandbox"])
def test_without_debug_there_is_no_preview(client, settings, path):
    assert client.get(path).status_code == 404
    settings.DEBUG = True
    assert client.get(path).status_code == 200
    assert client.post(path).status_code == 405


def test_the_page_is_a_host_of_its_own_endpoint(client, settings):
    settings.DEBUG = True
    page = client.get("/shop/apps")
    data = json.loads(page.content.decode().split('id="mcp-data" type="application/json">')[1].split("</script>")[0])
    nonce = page["Content-Security-Policy"].split("'nonce-")[1].split("'")[0]

    assert (data["path"], data["sandbox"], data["era"]) == ("/shop", "/shop/apps/sandbox", "modern")
    assert data["clientCapabilities"] == {
        "extensions": {"io.modelcontextprotocol/ui": {"mimeTypes": ["text/html;profile=mcp-app"]}}
    }
    assert page.content.decode().count(f'nonce="{nonce}"') == 2
    assert page["X-Frame-Options"] == "DENY"


def test_the_sandbox_has_the_policy_of_its_origins_and_an_origin_of_its_own(client, settings):
    settings.DEBUG = True
    wire = {"connectDomains": ["https://a.example"]}
    answer = client.get(f"/shop/apps/sandbox?csp={quote(json.dumps(wire))}")

    policy = csp.policy(csp.Origins(connect=("https://a.example",)))
    assert answer["Content-Security-Policy"] == f"{policy}; sandbox allow-scripts; frame-ancestors 'self'"
    assert "X-Frame-Options" not in answer


@cases(
    "given",
    [
        "{",
        "[]]",
        "7",
        '"x"',
        "null",
        '{"connectDomains": ["*"]}',
        '{"connectDomains": ["https://a.example; script-src *"]}',
        '{"connectDomains": ["https://a.example\\r\\nX: y"]}',
        "[" * 5000,
        '{"a": "' + "x" * 20_000 + '"}',
    ],
)
def test_anything_but_origins_is_refused(client, settings, given):
    settings.DEBUG = True
    answer = client.get(f"/shop/apps/sandbox?csp={quote(given)}")

    assert (answer.status_code, answer.content) == (400, b"csp is not the csp of an app.")
