"""The steps that a client and its user take at the authorization server."""

import base64
import hashlib
from urllib.parse import parse_qs, urlencode, urlsplit

from django.test import Client

HERE = "http://testserver/secure/mcp"
CALLBACK = "https://client.example.com/callback"
VERIFIER = "v" * 50
CODE_CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")


def request(**parameters):
    defaults = {
        "response_type": "code",
        "client_id": "the-client",
        "redirect_uri": CALLBACK,
        "state": "s t",
        "scope": "airports:read",
        "code_challenge": CODE_CHALLENGE,
        "code_challenge_method": "S256",
        "resource": HERE,
    }
    return {name: value for name, value in {**defaults, **parameters}.items() if value is not None}


def ask(browser, **parameters):
    return browser.get(f"/oauth/authorize/?{urlencode(request(**parameters), doseq=True)}")


def answer(browser, *, allow=True, **parameters):
    return browser.post(
        f"/oauth/authorize/?{urlencode(request(**parameters))}",
        {**request(**parameters), **({"allow": "true"} if allow else {})},
    )


def told(response):
    assert response.status_code == 302, response.content
    location = urlsplit(response["Location"])
    return {name: values[0] for name, values in parse_qs(location.query).items()}


def redeem(code, **parameters):
    fields = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": CALLBACK,
        "client_id": "the-client",
        "code_verifier": VERIFIER,
        "resource": HERE,
        **parameters,
    }
    return Client().post("/oauth/token/", {name: value for name, value in fields.items() if value is not None})


def refresh(token, **parameters):
    fields = {"grant_type": "refresh_token", "refresh_token": token, "client_id": "the-client", **parameters}
    return Client().post("/oauth/token/", fields)
