"""The authentication classes that projects have, each as its package ships it, in front of an endpoint."""

import hashlib
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.urls import path
from django.utils import timezone
from oauth2_provider.contrib.rest_framework import OAuth2Authentication
from oauth2_provider.models import AccessToken
from rest_framework.authentication import BasicAuthentication, SessionAuthentication, TokenAuthentication
from rest_framework.authtoken.models import Token
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.tokens import AccessToken as JWT

from django_mcp import Context, MCPServer
from django_mcp.testing import MCPClient
from django_mcp.urls import endpoint
from tests import wire
from tests.tables import cases

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).parent.parent

server = MCPServer("authenticators", version="1")


@server.tool(read_only=True)
def whoami(ctx: Context) -> str:
    """The caller."""
    return f"{ctx.user} {sorted(ctx.principal.scopes or [])}"


CLASSES = {
    "basic": BasicAuthentication,
    "token": TokenAuthentication,
    "simplejwt": JWTAuthentication,
    "toolkit": OAuth2Authentication,
}


class urls:
    urlpatterns = [
        *(path(name, endpoint(server, authentication_classes=[one])) for name, one in CLASSES.items()),
        path("session", endpoint(server, authentication_classes=[SessionAuthentication])),
    ]


@pytest.fixture
def ada(settings):
    settings.ROOT_URLCONF = urls
    return User.objects.create_user("ada", password="x")


def toolkit_token(user):
    AccessToken.objects.create(
        user=user,
        token="opaque",
        token_checksum=hashlib.sha256(b"opaque").hexdigest(),
        expires=timezone.now() + timedelta(hours=1),
        scope="read write",
    )
    return "Bearer opaque"


CREDENTIALS = {
    "basic": lambda user: "Basic YWRhOng=",
    "token": lambda user: f"Token {Token.objects.create(user=user).key}",
    "simplejwt": lambda user: f"Bearer {JWT.for_user(user)}",
    "toolkit": toolkit_token,
}


@pytest.mark.parametrize("name", CLASSES)
def test_a_credential_of_each_kind_is_known(connect, ada, name):
    client = connect(f"/{name}", headers={"Authorization": CREDENTIALS[name](ada)})

    assert client.call_tool("whoami").text == f"ada {['read', 'write'] if name == 'toolkit' else []}"


@cases("name", CLASSES)
@cases("wrong", ["", "Bearer wrong", "Basic d3Jvbmc6eA==", "Token wrong", "nonsense"], undone=True)
def test_a_wrong_one_is_401_with_a_challenge(lane, ada, name, wrong):
    CREDENTIALS[name](ada)
    response = MCPClient(f"/{name}", headers={"Authorization": wrong} if wrong else {}, **lane).post(
        wire.modern_request("tools/list")
    )

    assert response.status_code == 401
    assert response.headers["www-authenticate"]


@cases("name", CLASSES, undone=True)
def test_a_user_who_was_deactivated_is_not_known(lane, ada, name):
    credential = CREDENTIALS[name](ada)
    User.objects.update(is_active=False)

    response = MCPClient(f"/{name}", headers={"Authorization": credential}, **lane).post(
        wire.modern_request("tools/list")
    )

    assert response.status_code == 401


KNOX = """
import sys
from django.conf import settings
from django.urls import path

settings.configure(
    SECRET_KEY="x", USE_TZ=True, ROOT_URLCONF="__main__", ALLOWED_HOSTS=["testserver"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "rest_framework", "knox", "django_mcp"],
)
import django
django.setup()
from django.contrib.auth.models import User
from django.core.management import call_command
from knox.auth import TokenAuthentication
from knox.models import AuthToken
from django_mcp import Context, MCPServer
from django_mcp.testing import MCPClient
from django_mcp.urls import endpoint

server = MCPServer("knox")

@server.tool
def whoami(ctx: Context) -> str:
    "The caller."
    return str(ctx.user)

urlpatterns = [path("mcp", endpoint(server, authentication_classes=[TokenAuthentication]))]
call_command("migrate", verbosity=0)
row, token = AuthToken.objects.create(User.objects.create_user("ada"))

def status(value):
    client = MCPClient("/mcp", headers={"Authorization": value})
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    return client.post(body).status_code

for era in ("handshake", "modern"):
    print(MCPClient("/mcp", era=era, headers={"Authorization": f"Token {token}"}).call_tool("whoami").text)
print(status("Token wrong"), status(""))
row.delete()
print(status(f"Token {token}"))
"""


def test_knox_is_known_too(tmp_path):
    """In a project of its own: it has a table."""
    program = tmp_path / "knox_project.py"
    program.write_text(KNOX)

    ran = subprocess.run(
        [sys.executable, program],
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=240,
    )

    assert (ran.stdout.split(), ran.returncode) == (["ada", "ada", "401", "401", "401"], 0), ran.stderr
