"""Tokens of an authorization server elsewhere: which open an endpoint, and which do not."""

import asyncio
import json
import logging
import re
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from django.contrib.auth.models import User
from django.core.asgi import get_asgi_application
from django.core.checks import run_checks
from django.urls import include, path
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from rest_framework.authtoken.models import Token

from django_mcp import Context, MCPServer
from django_mcp.asgi import mcp_application
from django_mcp.contrib import external_tokens, issuers
from django_mcp.contrib.external_tokens import IntrospectionAuthentication, JWTAuthentication
from django_mcp.testing import MCPClient
from django_mcp.urls import endpoint
from tests import wire
from tests.tables import cases

pytestmark = pytest.mark.django_db

RESOURCE = "http://testserver/jwt"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER = rsa.generate_private_key(public_exponent=65537, key_size=2048)
CURVE = ec.generate_private_key(ec.SECP256R1())
ISSUER = "https://auth.example.com"

server = MCPServer("external", version="1")


@server.tool(read_only=True, scopes=["admin:write"])
def administer(ctx: Context) -> str:
    """Do what takes a scope."""
    return f"{ctx.user} did it"


@server.tool(read_only=True)
def whoami(ctx: Context) -> str:
    """The caller."""
    return f"{ctx.user} {ctx.principal.client_id} {sorted(ctx.principal.scopes or [])}"


class Issuer(BaseHTTPRequestHandler):
    """An issuer: the documents that it publishes, and its answers about tokens."""

    said: dict = {}
    status = 200
    asked: list = []
    fetched = 0
    page = b""

    def log_message(self, *args):
        pass

    def _answer(self, document):
        body = self.page or json.dumps(document).encode()
        self.send_response(self.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        Issuer.fetched += 1
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
    serving = ThreadingHTTPServer(("127.0.0.1", 0), Issuer)
    thread = threading.Thread(target=serving.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{serving.server_port}"
    serving.shutdown()
    serving.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def routes(settings, issuer, monkeypatch):
    address = issuer

    class Signed(JWTAuthentication):
        issuer = ISSUER
        jwks_url = f"{address}/jwks"

    class Asked(IntrospectionAuthentication):
        issuer = ISSUER
        introspection_url = f"{address}/introspect"
        client_id = "mcp"
        client_secret = "hunter2"

    class Named(Signed):
        audience = "api://trips"

    urlpatterns = [
        path("jwt", endpoint(server, authentication_classes=[Signed])),
        path("opaque", endpoint(server, authentication_classes=[Asked])),
        path("named", endpoint(server, authentication_classes=[Named])),
        path("tenants/<slug:tenant>/mcp", endpoint(server, authentication_classes=[Signed])),
        path("open", endpoint(server, public=True)),
        path("", include("django_mcp.well_known")),
    ]
    # Another URLconf for each test: the routes of one are read once.
    settings.ROOT_URLCONF = type("Routes", (), {"urlpatterns": urlpatterns})
    settings.MCP_ISSUER_TIMEOUT_SECONDS = 30
    monkeypatch.setattr(Issuer, "status", 200)
    monkeypatch.setattr(external_tokens, "_keys", {})
    monkeypatch.setattr(external_tokens, "_lines", {})
    monkeypatch.setattr(Issuer, "fetched", 0)
    Issuer.asked.clear()
    User.objects.create_user("ada")


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


def ask(lane, text, where="/jwt", **headers):
    client = MCPClient(where, headers={"Authorization": f"Bearer {text}", **headers}, **lane)
    return client.post(wire.modern_request("tools/call", {"name": "whoami", "arguments": {}}))


def said(response):
    return response.json()["result"]["content"][0]["text"]


@cases(
    "text",
    [
        {},
        {"key": CURVE, "algorithm": "ES256", "kid": "ec"},
        {"aud": ["https://elsewhere.example.com", RESOURCE + "/"]},
        {"ends_in_seconds": -1},
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
    "without a subject": {"without": ("sub",)},
    "of an empty subject": {"sub": ""},
    "of a subject that no row can hold": {"sub": "ada\0"},
    "with a number for scopes": {"scope": 5},
    "with an end in text": {"exp": "9999999999"},
    "with an end beyond time": {"exp": 1e308},
    "with an end that is none": {"exp": True},
}


@cases("wrong", WRONG)
def test_any_other_jwt_does_not(lane, wrong):
    response = ask(lane, token(**WRONG[wrong]))

    assert (response.status_code, response.json()) == (401, wire.error(-32600, "Invalid token"))
    assert response.headers["www-authenticate"].startswith('Bearer error="invalid_token"')


def test_a_subject_that_is_null_is_nobody_and_not_a_user_called_none():
    """PyJWT refuses such a token, but the answer of an introspection endpoint may have a null subject."""
    User.objects.create_user("None")
    for claims in ({"sub": None}, {"sub": ["ada"]}, {"sub": 7}, {}):
        assert JWTAuthentication().get_user(claims) is None


def test_nobody_is_asked_because_of_a_token_that_would_be_refused_in_any_case():
    """Form, issuer, audience, end and algorithm can be seen without the keys."""
    signed_by_us = {"of an unknown key", "of a stranger", "signed by another", "of an empty subject"}
    signed_by_us |= {"without a subject", "of a subject that no row can hold"}
    for name in WRONG.keys() - signed_by_us:
        assert ask({"lane": "view"}, token(**WRONG[name])).status_code == 401
    for text in ("", "x", "a.b.c", "e30.e30.e30", "." * 5000, "\xe9", "x" * 20_000):
        assert ask({"lane": "view"}, text).status_code == 401
        assert ask({"lane": "view"}, text, "/opaque").status_code in (401, 503)
    assert Issuer.fetched == 0
    assert len(Issuer.asked) <= 4


SCOPES = [({"without": ("scope",)}, 403), ({"scope": "read"}, 403), ({"scope": "admin:write read"}, 200)]
SCOPES += [({"without": ("scope",), "scp": scp}, 200) for scp in ("admin:write", ["read", "admin:write"])]
SCOPES += [({"without": ("scope",), "scp": scp}, 403) for scp in ("read", ["read"], [])]


@pytest.mark.parametrize("where", ["/jwt", "/opaque"])
def test_a_token_without_a_scope_claim_reaches_nothing_that_asks_for_scopes(monkeypatch, where):
    """The claim is optional (RFC 7662, RFC 9068); some issuers call it `scp`."""
    for claims, status in SCOPES:
        kept = {name: value for name, value in ALIVE.items() if name not in claims.get("without", ())}
        said = {name: value for name, value in claims.items() if name != "without"}
        monkeypatch.setattr(Issuer, "said", {**kept, **said})
        text = token(**claims) if where == "/jwt" else "opaque-token"
        client = MCPClient(where, headers={"Authorization": f"Bearer {text}"})
        response = client.post(wire.modern_request("tools/call", {"name": "administer", "arguments": {}}))

        assert response.status_code == status, claims
        assert ("administer" in [tool["name"] for tool in client.list_tools()]) == (status == 200)


def test_an_unsigned_jwt_does_not(lane):
    unsigned = jwt.encode({"iss": ISSUER, "aud": RESOURCE, "sub": "ada", "exp": 2**33}, None, algorithm="none")

    assert ask(lane, unsigned).status_code == 401


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


@cases(
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
        {**ALIVE, "sub": None},
        {**ALIVE, "exp": "9999999999"},
        {**ALIVE, "exp": 1e308},
        {**ALIVE, "exp": True},
        {**ALIVE, "scope": 5},
        {**ALIVE, "aud": 5},
        {**ALIVE, "aud": [None, 5]},
    ],
    undone=True,
)
def test_what_the_issuer_does_not_vouch_for_opens_nothing(lane, monkeypatch, answer):
    User.objects.create_user("None")
    monkeypatch.setattr(Issuer, "said", answer)

    assert ask(lane, "x", "/opaque").status_code == 401


@pytest.mark.parametrize(("status", "page"), [(500, b""), (200, b"<html>Sign in</html>")])
def test_an_issuer_that_fails_is_503_and_lets_nobody_in(lane, monkeypatch, caplog, status, page):
    monkeypatch.setattr(Issuer, "status", status)
    monkeypatch.setattr(Issuer, "page", page)

    for response in (ask(lane, "secret-token", "/opaque"), ask(lane, token())):
        assert (response.status_code, response.headers["retry-after"]) == (503, "5")
        assert response.json() == wire.error(-32600, "The authorization server cannot be reached")
    assert "secret-token" not in caplog.text
    assert "Traceback" not in caplog.text


def test_an_issuer_that_hangs_keeps_no_thread_from_other_endpoints(settings, monkeypatch):
    """Forty worthless tokens, in the lane, with two worker threads: a public endpoint answers meanwhile."""
    settings.MCP_THREADS, settings.MCP_ISSUER_TIMEOUT_SECONDS = 2, 30
    gate, entered = threading.Event(), threading.Event()

    def hang(method, url, **options):
        entered.set()
        gate.wait(30)
        return {}

    monkeypatch.setattr(issuers, "exchange", hang)
    monkeypatch.setattr(external_tokens, "exchange", hang)
    application = mcp_application(get_asgi_application())
    body = json.dumps(wire.modern_request("tools/call", {"name": "whoami", "arguments": {}})).encode()

    async def visit():
        def post(path, text):
            headers = {**wire.POST_HEADERS, **MODERN_HEADERS, "authorization": f"Bearer {text}", "host": "testserver"}
            return asyncio.create_task(wire.over_asgi(application, path, "POST", list(headers.items()), [body], {}))

        kinds = (("/jwt", token(key=OTHER)), ("/opaque", "x"))
        worthless = [post(*kind) for _ in range(20) for kind in kinds]
        try:
            assert await asyncio.to_thread(entered.wait, 10)
            open_answer, _ = await asyncio.wait_for(post("/open", "x"), 10)
        finally:
            gate.set()
        return open_answer, [answer.status_code for answer, _ in await asyncio.gather(*worthless)]

    open_answer, statuses = asyncio.run(visit())
    assert open_answer.status_code == 200
    assert set(statuses) <= {401, 503}
    assert statuses.count(503) >= 20


MODERN_HEADERS = {"mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call", "mcp-name": "whoami"}


# The audience


@pytest.mark.parametrize("hosts", [["*"], [".example.com"], ["api.example.com", ".example.com"]])
def test_where_any_host_leads_here_no_host_header_says_whom_a_token_is_for(settings, lane, hosts, caplog):
    """A token for a neighbour would open this endpoint by the neighbour's name."""
    external_tokens._complain.cache_clear()
    settings.ALLOWED_HOSTS = hosts
    elsewhere = "other-service.example.com"

    response = ask(lane, token(aud=f"http://{elsewhere}/jwt"), host=elsewhere)
    assert response.status_code == 503
    assert response.json() == wire.error(-32600, "The endpoint does not know its own URL")
    assert ask(lane, "x", host=elsewhere).status_code == 503
    (told,) = [
        message for name, level, message in caplog.record_tuples if (name, level) == ("django_mcp", logging.ERROR)
    ]
    assert told.endswith("ALLOWED_HOSTS has a wildcard: set MCP_PUBLIC_URL, or `audience` on the authentication class.")
    assert ask(lane, token(aud="api://trips"), "/named", host=elsewhere).status_code == 200
    settings.MCP_PUBLIC_URL = "https://api.example.com"
    assert ask(lane, token(aud=f"http://{elsewhere}/jwt"), host=elsewhere).status_code == 401
    assert ask(lane, token(aud="https://api.example.com/jwt"), host=elsewhere).status_code == 200


def test_the_port_of_a_host_header_is_the_servers_own(settings, lane):
    assert ask(lane, token(aud="http://testserver:9999/jwt"), host="testserver:9999").status_code == 401
    assert ask(lane, token(aud="http://testserver:80/jwt"), host="testserver:80").status_code == 200


def test_a_deployment_is_told_to_say_whom_its_tokens_are_for(settings):
    def found():
        return [
            (message.id, message.msg, message.hint)
            for message in run_checks(tags=["mcp"], include_deployment_checks=True)
            if message.id == "django_mcp.E031"
        ]

    settings.ALLOWED_HOSTS = ["api.example.com"]
    assert found() == []
    settings.ALLOWED_HOSTS = [".example.com"]
    assert found() == [
        (
            "django_mcp.E031",
            f"Which tokens open the endpoint {path} is for the Host header to say: ALLOWED_HOSTS has a wildcard.",
            "Set MCP_PUBLIC_URL, or `audience` on the authentication class.",
        )
        for path in ("/jwt", "/opaque", "/tenants/<slug:tenant>/mcp")
    ]
    settings.MCP_PUBLIC_URL = "https://api.example.com"
    assert found() == []


# The recipes of docs/authentication.md

HOSTILE = {
    "without an address": {"without": ("email",)},
    "with an empty address": {"email": ""},
    "with no address": {"email": None},
    "with an address that is not verified": {"email_verified": False},
    "with an address of which nothing is said": {"without": ("email_verified",)},
    "with an address that is verified in text": {"email_verified": "true"},
    "with an address of two users": {"email": "twins@example.com"},
    "with an address of nobody": {"email": "nobody@example.com"},
    "with a list for an address": {"email": ["ada@example.com"]},
    "with a mapping for an address": {"email": {"email": "ada@example.com"}},
    "of a user who is not active": {"email": "gone@example.com"},
    "with a subject alone": {"without": ("email", "email_verified"), "sub": "ada"},
}


@pytest.fixture
def recipes(settings, monkeypatch, issuer):
    """The page's module, whose classes ask the issuer of this test."""
    module = {"__name__": "testproject.airports.documented", "__package__": "testproject.airports"}
    page = (Path(__file__).parents[2] / "docs" / "authentication.md").read_text()
    for code in re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL):
        exec(code, module)
    module["CompanyTokens"].jwks_url = f"{issuer}/jwks"
    module["OpaqueTokens"].introspection_url = f"{issuer}/introspect"
    settings.ROOT_URLCONF = type("Recipes", (), {"urlpatterns": module["urlpatterns"]})
    User.objects.filter(username="ada").update(email="ada@example.com")
    for name in ("root", "machine"):
        User.objects.create_superuser(name)
    for name in ("castor", "pollux"):
        User.objects.create_user(name, email="twins@example.com")
    User.objects.create_user("gone", email="gone@example.com", is_active=False)
    User.objects.create_user("None")


def opens(path, text):
    client = MCPClient(path, headers={"Authorization": text})
    return client.post(wire.modern_request("tools/list")).status_code


def test_the_recipe_for_addresses_lets_its_user_in_and_nobody_by_a_hostile_token(recipes):
    good = {"aud": "http://testserver/company/mcp", "sub": "x", "email": "ada@example.com", "email_verified": True}

    assert opens("/company/mcp", f"Bearer {token(**good)}") == 200
    found = {name: opens("/company/mcp", f"Bearer {token(**{**good, **claims})}") for name, claims in HOSTILE.items()}
    assert found == dict.fromkeys(HOSTILE, 401)
    assert opens("/company/mcp", f"Bearer {token(**{**good, 'aud': 'http://testserver/mcp'})}") == 401


def test_the_recipe_for_opaque_tokens_lets_its_user_in_and_nobody_by_a_hostile_answer(recipes, monkeypatch):
    def answered(**claims):
        monkeypatch.setattr(Issuer, "said", {**ALIVE, "aud": "api://trips", **claims})
        return opens("/opaque/mcp", "Bearer opaque")

    assert answered() == 200
    for claims in ({"sub": None}, {"sub": ""}, {"sub": "gone"}, {"sub": ["ada"]}, {"active": 1}, {"aud": None}):
        assert answered(**claims) == 401, claims
    assert answered(aud="http://testserver/opaque/mcp") == 401


def test_the_recipe_for_tokens_of_drf_lets_its_user_in_and_nobody_else(recipes):
    key = Token.objects.create(user=User.objects.get(username="ada")).key
    gone = Token.objects.create(user=User.objects.get(username="gone")).key

    assert opens("/mcp", f"Token {key}") == 200
    for text in ("Token", "Token x", f"Token {gone}", f"Bearer {key}", f"Bearer {token()}", f"Token {key} {key}"):
        assert opens("/mcp", text) == 401, text
