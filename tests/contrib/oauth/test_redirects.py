"""Where an answer to a client may be sent."""

from django_mcp.contrib.oauth.redirects import is_safe
from tests.tables import cases


@cases(
    ("uri", "safe"),
    [
        ("https://client.example.com/cb", True),
        ("http://127.0.0.1:5173/cb", True),
        ("http://localhost/cb", True),
        ("http://[::1]:1/cb", True),
        ("cursor://app/cb", True),
        ("com.example.app:/cb", True),
        ("http://client.example.com/cb", False),
        ("http://localhost.evil.example.com/cb", False),
        ("http://127.0.0.1@evil.example.com/cb", False),
        (r"http://evil.example.com\@127.0.0.1/cb", False),
        (r"https://evil.example.com\@client.example.com/cb", False),
        ("https://user@client.example.com/cb", False),
        ("https://@client.example.com/cb", False),
        (r"cursor:\\app", False),
        ("https:///cb", False),
        ("https://", False),
        ("http://[::1", False),
        ("https://client.example.com/c b", False),
        ("https://client.example.com/\n", False),
        ("https://cli\u0435nt.example.com/", False),
        ("/cb", False),
        ("", False),
    ],
)
def test_a_redirect_keeps_a_code_secret_on_its_way(uri, safe):
    assert is_safe(uri) is safe
