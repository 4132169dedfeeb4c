"""The rules of cards and of server.json (E-125, E-132 … E-134)."""

from django_mcp.contrib.cards.rules import problems_of_server_json
from tests.tables import cases

GOOD = {
    "name": "com.example/shop",
    "version": "1.4.0-rc.1+x",
    "description": "x",
    "remotes": [{"url": "https://example.com/mcp"}],
}


def test_a_good_one_has_no_problems():
    assert list(problems_of_server_json(GOOD)) == []


@cases(
    ("change", "said"),
    [
        ({"name": "shop"}, "the name 'shop'"),
        ({"name": "com.example/a/b"}, "the name"),
        ({"name": f"com.example/{'a' * 200}"}, "the name"),
        ({"version": "^1.2"}, "no single version"),
        ({"version": "1.x"}, "no single version"),
        ({"version": ""}, "no single version"),
        ({"version": "latest"}, "'latest'"),
        ({"description": ""}, "1 to 100"),
        ({"description": "x" * 101}, "1 to 100"),
        ({"title": ""}, "the title"),
        ({"remotes": []}, "neither a remote nor a package"),
        ({"remotes": [{"url": "http://example.com/mcp"}]}, "is not https"),
        ({"remotes": [{"url": "https://localhost/mcp"}]}, "is not public"),
        ({"remotes": [{"url": "https://10.0.0.1/mcp"}]}, "is not public"),
        ({"remotes": [{"url": "https://[::1]/mcp"}]}, "is not public"),
        (
            {"remotes": [{**GOOD["remotes"][0], "headers": [{"name": "X-Key", "isSecret": True, "value": "k"}]}]},
            "its value is written in it",
        ),
        ({"remotes": [{**GOOD["remotes"][0], "headers": [{"isRequired": True}]}]}, "a header has no name"),
        ({"remotes": [{**GOOD["remotes"][0], "headers": [{"name": "X", "secret": True}]}]}, "'secret'"),
        ({"repository": {"url": "https://github.com/example/shop"}}, "no source"),
        ({"repository": {"url": "https://github.com/example/shop", "source": "github", "branch": "x"}}, "'branch'"),
        ({"icons": [{"src": "data:image/png;base64,"}]}, "https URL"),
        ({"packages": [{"registryType": "pypi"}]}, "identifier, transport"),
        (
            {"packages": [{"registryType": "pypi", "identifier": "x", "transport": {}, "version": "latest"}]},
            "'latest' of a package",
        ),
        ({"_meta": {"com.example/x": 1}}, "alone of _meta"),
        ({"_meta": {"io.modelcontextprotocol.registry/publisher-provided": "x" * 4096}}, "alone of _meta"),
    ],
)
def test_a_broken_rule_is_named(change, said):
    [problem] = problems_of_server_json(GOOD | change)
    assert said in problem
