"""Secrets: credentials, session ids, arguments and answers are in no log, error, event or page of the admin. The reason
of a failure is in the log and nowhere else.
"""

import base64
import json

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import User
from django.urls import path, reverse
from rest_framework.authentication import BasicAuthentication, TokenAuthentication
from rest_framework.authtoken.models import Token

from django_mcp import Context, MCPServer
from django_mcp.contrib.tokens.authentication import APITokenAuthentication
from django_mcp.contrib.tokens.models import APIToken
from django_mcp.models import Session
from django_mcp.testing import MCPClient
from django_mcp.urls import endpoint
from tests import wire

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]

server = MCPServer("secretive", version="1")


@server.tool
def keep(pin: str) -> str:
    """Keep a pin."""
    return "kept"


@server.tool
def fail(pin: str) -> str:
    """Fail with it in hand."""
    raise RuntimeError("the reason of the failure")


@server.tool
def ask(ctx: Context) -> str:
    """Ask for a pin."""
    ctx.elicit("Your pin?", {"type": "object", "properties": {"pin": {"type": "string"}}})
    return "heard"


urlpatterns = [
    path("admin/", admin.site.urls),
    path("mcp", endpoint(server, authentication_classes=[APITokenAuthentication, TokenAuthentication])),
    path("basic", endpoint(server, authentication_classes=[BasicAuthentication])),
]

PIN = "pin-8d1f"
PASSWORD = "correct horse battery staple"


@pytest.fixture
def user():
    return User.objects.create_user("ada", password=PASSWORD)


@pytest.fixture
def credentials(user):
    """The secret of each, and the endpoint and header that show it."""
    _, api_token = APIToken.issue(user, "laptop")
    token = Token.objects.create(user=user).key
    basic = base64.b64encode(f"ada:{PASSWORD}".encode()).decode()
    return [
        (api_token, "/mcp", f"Bearer {api_token}"),
        (token, "/mcp", f"Token {token}"),
        (basic, "/basic", f"Basic {basic}"),
    ]


def rows():
    """All that the package's tables hold, as text, but for the ids of sessions."""
    models = [*apps.get_app_config("django_mcp").get_models(), *apps.get_app_config("django_mcp_tokens").get_models()]
    return "\n".join(
        str({name: value for name, value in row.items() if name != "session_id" or model is not Session})
        for model in models
        for row in model.objects.values()
    )


@pytest.mark.every_combination
def test_credentials_and_what_was_said_with_them_are_kept_nowhere(lane, era, credentials, caplog):
    caplog.set_level("DEBUG")
    answers, secrets = [], [PIN, PASSWORD]
    for secret, url, header in credentials:
        secrets.append(secret)
        client = MCPClient(
            url,
            era=era,
            headers={"Authorization": header},
            answers={"elicit": {"pin": PIN}},
            **lane,
        )
        client.initialize()
        answers += [
            client.call_tool(name, arguments).raw
            for name, arguments in (
                ("keep", {"pin": PIN}),
                ("keep", {"pin": PIN, "other": PIN}),
                ("fail", {"pin": PIN}),
                ("ask", {}),
            )
        ]
        answers.append(MCPClient(url, era=era, headers={"Authorization": header + "x"}, **lane).post(b"{}").content)
        answers.append(client.post(f'{{"pin": "{PIN}", "broken'.encode()).content)
        if client.session_id is not None:
            secrets.append(client.session_id)
            answers.append(client.post(wire.request("ping"), {"mcp-session-id": client.session_id + "x"}).content)

    said = json.dumps(answers, default=str)
    for secret in secrets:
        assert secret not in caplog.text
        assert secret not in rows()
        assert secret not in said
    assert "the reason of the failure" in caplog.text
    assert "the reason of the failure" not in said + rows()


def test_no_page_of_the_admin_has_them(admin_client, credentials):
    secrets = [secret for secret, _, _ in credentials]
    client = MCPClient("/mcp", era="handshake", headers={"Authorization": credentials[0][2]})
    client.initialize()

    for row in (Session.objects.get(), APIToken.objects.get()):
        name = f"admin:{row._meta.app_label}_{row._meta.model_name}"
        for url in (reverse(f"{name}_changelist"), reverse(f"{name}_change", args=[row.pk])):
            page = admin_client.get(url)
            assert page.status_code == 200
            assert not any(secret in page.content.decode() for secret in [*secrets, client.session_id])
