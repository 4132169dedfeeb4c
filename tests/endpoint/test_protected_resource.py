"""Protected resource metadata (RFC 9728, spec basic/authorization): the document, and the challenges that lead
there.
"""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import include, path

from django_mcp.endpoint import protected_resource
from django_mcp.testing import MCPClient, MCPError
from django_mcp.urls import endpoint
from tests import wire
from tests.servers import guarded
from tests.tables import cases

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.urls")]

DOCUMENT = {
    "resource": "http://testserver/secure/mcp",
    "authorization_servers": ["https://auth.example.com"],
    "scopes_supported": ["groups:read"],
    "bearer_methods_supported": ["header"],
    "resource_name": "guarded",
}
POINTER = 'resource_metadata="http://testserver/.well-known/oauth-protected-resource/secure/mcp"'


def get(url, **headers):
    return Client(headers=headers).get(url)


@cases(
    "url",
    [
        f"{protected_resource.WELL_KNOWN}/secure/mcp",
        f"{protected_resource.WELL_KNOWN}/secure/mcp/",
    ],
)
def test_the_document_is_at_the_path_of_the_endpoint(url):
    response = get(url, origin="https://anywhere.example")

    assert (response.status_code, response.json()) == (200, DOCUMENT)
    assert response["Access-Control-Allow-Origin"] == "*"
    assert response["Cache-Control"] == "public, max-age=3600"


@cases("path", ["plain", "nothing", "page", "secure", "secure/mcp/more", ".well-known/x"])
def test_what_is_no_protected_resource_has_no_document(path):
    assert get(f"{protected_resource.WELL_KNOWN}/{path}").status_code == 404


def test_behind_a_proxy_the_resource_is_what_the_client_used(settings):
    settings.ALLOWED_HOSTS = ["api.example.com"]
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    settings.USE_X_FORWARDED_HOST = True
    url = f"{protected_resource.WELL_KNOWN}/secure/mcp"
    forwarded = {"x-forwarded-proto": "https", "x-forwarded-host": "api.example.com"}
    assert get(url, **forwarded).json()["resource"] == "https://api.example.com/secure/mcp"

    settings.MCP_PUBLIC_URL = "https://public.example.com/"
    assert get(url, **forwarded).json()["resource"] == "https://public.example.com/secure/mcp"


def several():
    secure = {"authorization_servers": ["https://auth.example.com"]}
    return [
        path("", include("django_mcp.well_known")),
        path("one/", include([path("mcp", endpoint(guarded, **secure))])),
        path("two/mcp", endpoint(**secure)),
    ]


class Several:
    urlpatterns = several()


class OneBesideAnOpenOne:
    urlpatterns = [*several()[:2], path("open/mcp", endpoint(public=True))]


class OneAlone:
    urlpatterns = several()[:2]


@pytest.mark.parametrize("urlconf", [Several, OneBesideAnOpenOne])
def test_beside_another_endpoint_the_root_has_no_document(settings, urlconf):
    settings.ROOT_URLCONF = urlconf

    assert get(protected_resource.WELL_KNOWN).status_code == 404
    assert get(f"{protected_resource.WELL_KNOWN}/one/mcp").json()["resource"] == "http://testserver/one/mcp"


def test_the_document_of_the_only_endpoint_is_at_the_root_too(settings):
    settings.ROOT_URLCONF = OneAlone

    assert get(protected_resource.WELL_KNOWN).json()["resource"] == "http://testserver/one/mcp"


# Challenges


def wire_send(lane, verb, credentials):
    client = MCPClient("/secure/mcp", era="handshake", headers=credentials, **lane)
    return client.post(wire.initialize()) if verb == "POST" else client.send(verb)


@cases("verb", ["POST", "GET", "DELETE"])
@cases(("credentials", "error"), [({}, ""), ({"Authorization": "Bearer wrong"}, 'error="invalid_token", ')])
def test_a_401_says_where_the_document_is(lane, verb, credentials, error):
    response = wire_send(lane, verb, credentials)

    assert response.status_code == 401
    assert response.headers["www-authenticate"] == f'Bearer {error}{POINTER}, scope="groups:read"'


def test_a_missing_scope_is_asked_for_with_where_the_document_is(connect):
    User.objects.create_user("ada")
    client = connect("/secure/mcp", headers={"Authorization": "Bearer c1:groups:read"})
    with pytest.raises(MCPError) as refused:
        client.call_tool("rename_group", {"name": "x"})

    assert refused.value.status == 403
    assert refused.value.headers["www-authenticate"] == (
        f'Bearer error="insufficient_scope", scope="groups:read groups:write", {POINTER}'
    )


def test_a_value_is_quoted():
    assert protected_resource._quoted('a"b\\c') == 'a\\"b\\\\c'
