"""The metadata that a client registers, and the reasons for which it is refused."""

from django_mcp.contrib.oauth.clients import fault_of
from tests.contrib.oauth.visits import CALLBACK

DECEIVING = [
    {"client_name": "a\u202eb"},
    {"client_name": "a\nb"},
    {"client_name": "x" * 101},
    {"client_name": ["x"]},
    {"redirect_uris": ["http://evil.example.com/cb"]},
    {"redirect_uris": [CALLBACK, "http://evil.example.com/"]},
    {"redirect_uris": [r"https://evil.example.com\@client.example.com/"]},
    {"redirect_uris": [f"{CALLBACK}/{number}" for number in range(11)]},
    {"redirect_uris": [f"{CALLBACK}/{'x' * 2000}"]},
    {"redirect_uris": [5]},
    {"redirect_uris": 5},
    {"grant_types": ["password"]},
    {"grant_types": ["implicit"]},
    {"grant_types": [["authorization_code"]]},
]


def test_what_could_deceive_is_at_fault():
    assert [metadata for metadata in DECEIVING if fault_of(metadata) is None] == []
    assert fault_of({"client_name": "\u200bClaude"}) == (
        "invalid_client_metadata",
        "client_name is text of up to 100 characters.",
    )


def test_what_clients_in_the_field_say_is_not():
    assert fault_of({}) is None
    said = {"client_name": "Café ☕ 日本", "redirect_uris": [CALLBACK] * 10, "grant_types": ["authorization_code"]}
    assert fault_of(said) is None
