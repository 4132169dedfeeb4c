"""Tokens of an authorization server elsewhere: which open an endpoint, and which do not."""

import json
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from django.contrib.auth.models import User
from django.urls import path
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from django_mcp import Context, MCPServer
from django_mcp.contrib.external_tokens import IntrospectionAuthentication, JWTAuthentication
from django_mcp.testing import MCPClient
from django_mcp.urls import endpoint
from tests import wire

pytestmark = pytest.mark.django_db

RESOURCE = "http://testserver/jwt"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER = rsa.generate_private_key(public_exponent=65537, key_size=2048)
CURVE = ec.generate_private_key(ec.SECP256R1())
ISSUER = "https://auth.example.com"

server = MCPServer("external", version="1")


@server.tool(read_only=True)
def whoami(ctx: Context) -> str:
    """Who."""
    return f"{ctx.user} {ctx.principal.client_id} {sorted(ctx.principal.scopes or [])}"


class Issuer(BaseHTTPRequestHandler):
    """What the issuer publishes, and what it says of tokens."""

    said: dict = {}
    status = 200
    asked: list = []

    def log_message(self, *args):
        pass

    def _answer(self, document):
        body = json.dumps(document).encode()
        self.send_response(self.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        keys = [
            {**json.loads(RSAAlgorithm.to_jwk(KEY.public_key())), "kid": "rsa", "use": "sig"},
            {**json.loads(ECAlgorithm.to_jwk(CURVE.public_key())), "kid": "ec", "use": "sig"},
        ]
        self._answer({"keys": keys})

    def do_POST(self):
        form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
        self.asked.append((form, self.headers["authorization"]))
        self._answer(self.said)


@pytest.fixture(scope="module")
def issuer():
    serving = HTTPServer(("127.0.0.1", 0), Issuer)
    thread = threading.Thread(target=serving.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{serving.server_port}"
    serving.shutdown()
    serving.server_close()
    thread.join()


class urls:
    urlpatterns = []


@pytest.fixture(autouse=True)
def routes(settings, issuer, monkeypatch):
    class Signed(JWTAuthentication):
        issuer = ISSUER
        jwks_url = f"{routes_issuer}/jwks"

    class Asked(IntrospectionAuthentication):
        issuer = ISSUER
        introspection_url = f"{routes_issuer}/introspect"
        client_id = "mcp"
        client_secret = "hunter2"

    class Named(Signed):
        audience = "api://trips"

    urls.urlpatterns[:] = [
        path("jwt", endpoint(server, authentication_classes=[Signed])),
        path("opaque", endpoint(server, authentication_classes=[Asked])),
        path("named", endpoint(server, authentication_classes=[Named])),
        path("", __import__("django.urls", fromlist=["include"]).include("django_mcp.well_known")),
    ]
    settings.ROOT_URLCONF = urls
    monkeypatch.setattr(Issuer, "status", 200)
    Issuer.asked.clear()
    User.objects.create_user("ada")


routes_issuer = ""


@pytest.fixture(autouse=True, scope="module")
def known(issuer):
    global routes_issuer
    routes_issuer = issuer


def token(*, key=KEY, algorithm="RS256", kid="rsa", without=(), ends_in_seconds=300, **claims):
    now = datetime.now(UTC)
    said = {
        "iss": ISSUER,
        "aud": RESOURCE,
        "sub": "ada",
        "exp": now + timedelta(seconds=ends_in_seconds),
        "client_id": "the-client",
        "scope": "read write",
        **claims,
    }
    kept = {name: value for name, value in said.items() if name not in without}
    return jwt.encode(kept, key, algorithm=algorithm, headers={"kid": kid})


def ask(lane, text, where="/jwt"):
    client = MCPClient(where, headers={"Authorization": f"Bearer {text}"}, **lane)
    return client.post(wire.modern_request("tools/call", {"name": "whoami", "arguments": {}}))


def said(response):
    return response.json()["result"]["content"][0]["text"]


@pytest.mark.parametrize(
    "text",
    [
        {},
        {"key": CURVE, "algorithm": "ES256", "kid": "ec"},
        {"aud": ["https://elsewhere.example.com", RESOURCE + "/"]},
        {"ends_in_seconds": -5},
    ],
)
def test_a_jwt_of_the_issuer_for_this_endpoint_opens_it(lane, text):
    response = ask(lane, token(**text))

    assert (response.status_code, said(response)) == (200, "ada the-client ['read', 'write']")


WRONG = {
    "signed by another": {"key": OTHER},
    "of an unknown key": {"kid": "other"},
    "of another issuer": {"iss": "https://evil.example.com"},
    "for another": {"aud": "http://testserver/other"},
    "for a prefix": {"aud": "http://testserver"},
    "for nobody": {"aud": ""},
    "without an audience": {"without": ("aud",)},
    "without an issuer": {"without": ("iss",)},
    "without an end": {"without": ("exp",)},
    "expired": {"ends_in_seconds": -60},
    "not yet": {"nbf": 2**33},
    "of a stranger": {"sub": "nobody"},
    "with a secret for a key": {"key": "x" * 32, "algorithm": "HS256"},
}


@pytest.mark.parametrize("wrong", WRONG)
def test_any_other_jwt_does_not(lane, wrong):
    response = ask(lane, token(**WRONG[wrong]))

    assert response.status_code == 401
    assert response.headers["www-authenticate"].startswith('Bearer error="invalid_token"')


def test_an_unsigned_jwt_does_not(lane):
    unsigned = jwt.encode({"iss": ISSUER, "aud": RESOURCE, "sub": "ada", "exp": 2**33}, None, algorithm="none")

    assert ask(lane, unsigned).status_code == 401


@pytest.mark.parametrize("text", ["", "x", "a.b.c", "a.b", "\xe9", "." * 5000])
def test_what_is_no_jwt_does_not(lane, text):
    assert ask(lane, text).status_code == 401


def test_a_user_who_was_deactivated_does_not_come_in(lane):
    User.objects.update(is_active=False)

    assert ask(lane, token()).status_code == 401


def test_an_audience_that_is_named_is_the_one(lane):
    assert ask(lane, token(aud="api://trips"), "/named").status_code == 200
    assert ask(lane, token(), "/named").status_code == 401


def test_the_metadata_names_the_issuer(lane):
    response = MCPClient("/.well-known/oauth-protected-resource/jwt", **lane).send("GET")

    assert response.json()["authorization_servers"] == [ISSUER]


# Introspection

OPAQUE = "http://testserver/opaque"
ALIVE = {"active": True, "sub": "ada", "aud": OPAQUE, "scope": "read", "client_id": "the-client"}


def test_the_issuer_is_asked_about_an_opaque_token(lane, monkeypatch):
    monkeypatch.setattr(Issuer, "said", ALIVE)

    response = ask(lane, "opaque-token", "/opaque")

    assert said(response) == "ada the-client ['read']"
    [(form, credentials)] = Issuer.asked
    assert form["token"] == ["opaque-token"]
    assert credentials.startswith("Basic ")


@pytest.mark.parametrize(
    "answer",
    [
        {"active": False},
        {},
        [],
        None,
        {**ALIVE, "aud": "http://testserver/other"},
        {**ALIVE, "aud": []},
        {name: value for name, value in ALIVE.items() if name != "aud"},
        {**ALIVE, "iss": "https://evil.example.com"},
        {**ALIVE, "sub": "nobody"},
        {**ALIVE, "active": "true"},
    ],
)
def test_what_the_issuer_does_not_vouch_for_opens_nothing(lane, monkeypatch, answer):
    monkeypatch.setattr(Issuer, "said", answer)

    assert ask(lane, "x", "/opaque").status_code == 401


def test_an_issuer_that_fails_is_503_and_lets_nobody_in(lane, monkeypatch, caplog):
    monkeypatch.setattr(Issuer, "status", 500)

    response = ask(lane, "secret-token", "/opaque")

    assert response.status_code == 503
    assert "secret-token" not in caplog.text
    assert b"secret-token" not in response.content
