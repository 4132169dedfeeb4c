"""Skills as clients see them: listed, read, looked through, and hidden from those who may not see them (E-87 … E-104
of the extension's checklist).
"""

import hashlib
from base64 import b64decode

import pytest
from django.contrib.auth.models import Permission, User
from django.core.exceptions import ImproperlyConfigured
from django.test import RequestFactory

from django_mcp import MCPServer, gates
from django_mcp.contrib.skills import Skills
from django_mcp.primitives.context import Caller, Principal
from django_mcp.testing import MCPClient, MCPError
from tests import wire
from tests.answering import MODERN, ask
from tests.contrib.skills.serving import server, skills
from tests.tables import cases

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.contrib.skills.serving")]

CONVERT, GREET = "skill://conformance/convert-units/SKILL.md", "skill://conformance/greet-politely/SKILL.md"
COUNT, MINE, SECRET = (f"skill://shop/{name}/SKILL.md" for name in ("count-stock", "mine", "secret-stock"))


@pytest.fixture
def client(lane):
    return MCPClient("/skilled", era="modern", **lane)


def listed(client):
    """All skills, over the pages."""
    found, params = [], {}
    while True:
        result = client.request("skills/list", params)
        assert (result["ttlMs"], result["cacheScope"]) == (0, "private")
        found += result["skills"]
        if "nextCursor" not in result:
            return found
        params = {"cursor": result["nextCursor"]}


def data_of(client, uri):
    [contents] = client.read_resource(uri)
    return contents["text"].encode() if "text" in contents else b64decode(contents["blob"])


def refused(client, method, uri):
    headers = {"mcp-method": method, "mcp-name": uri if method == "resources/read" else ""}
    return client.post(wire.modern_request(method, {"uri": uri}), headers).content.replace(uri.encode(), b"URI")


def test_it_is_advertised_to_modern_clients_alone(client):
    capabilities = client.initialize()["capabilities"]

    assert capabilities["extensions"] == {"io.modelcontextprotocol/skills": {"directoryRead": True}}
    assert "resources" in capabilities
    assert "extensions" not in MCPClient("/skilled", era="handshake").initialize()["capabilities"]
    with pytest.raises(MCPError, match="Method not found"):
        MCPClient("/skilled", era="handshake").request("skills/list")


def test_a_listed_file_has_the_digest_of_the_bytes_that_are_served(client):
    found = listed(client)

    assert [skill["uri"] for skill in found] == [CONVERT, COUNT, MINE]
    assert found[0]["frontmatter"] == {
        "name": "convert-units",
        "description": "Converts lengths between metric and imperial units. "
        "Use it when a user gives a length in one and wants the other.",
        "license": "MIT",
        "metadata": {"audience": "tests"},
    }
    assert [file["uri"].rpartition("count-stock/")[2] for file in found[1]["resources"]] == [
        "SKILL.md",
        "logo.png",
        "scripts/a%20b/check.py",
    ]
    for file in [*found[0]["resources"], *found[1]["resources"]]:
        data = data_of(client, file["uri"])
        assert file == {
            "uri": file["uri"],
            "digest": f"sha256:{hashlib.sha256(data).hexdigest()}",
            "size": len(data),
        }
    for skill in found:
        assert client.request("skills/get", {"uri": skill["uri"]})["skill"] == skill


def test_no_file_is_hashed_for_a_client(client, monkeypatch):
    listed(client)
    monkeypatch.setattr("django_mcp.contrib.skills.skill.hashlib", None)

    assert listed(client)


def test_a_function_without_a_context_is_called_once(client):
    first = data_of(client, COUNT)

    assert first == b'---\nname: "count-stock"\ndescription: "How to count the stock."\n---\n\nCount all 1.\r\n'
    assert data_of(client, COUNT) == first


def test_a_function_with_a_context_makes_a_skill_for_each_reader(client, lane):
    mine = client.request("skills/get", {"uri": MINE})["skill"]

    assert mine["resources"] == "dynamic"
    assert mine["frontmatter"] == {"name": "mine", "description": 'Yours: "all" of it'}
    assert b"in May." in data_of(client, MINE)
    ada = MCPClient("/skilled", era="modern", user=User(username="June", pk=1), **lane)
    assert b"in June." in data_of(ada, MINE)


def test_files_are_resources_with_the_names_of_the_skill(client):
    resources = {resource["uri"]: resource for resource in client.list_resources()}

    assert resources[CONVERT] == {
        "uri": CONVERT,
        "name": "convert-units",
        "description": resources[CONVERT]["description"],
        "mimeType": "text/markdown",
    }
    assert resources["skill://shop/count-stock/logo.png"] == {
        "uri": "skill://shop/count-stock/logo.png",
        "name": "logo.png",
        "mimeType": "image/png",
        "size": 5,
    }
    assert not {GREET, SECRET} & resources.keys()


def test_a_directory_has_files_and_directories(client):
    root = "skill://shop/count-stock"
    first = client.request("resources/directory/read", {"uri": root})
    rest = client.request("resources/directory/read", {"uri": root, "cursor": first["nextCursor"]})

    assert [*first["resources"], *rest["resources"]] == [
        {"uri": f"{root}/SKILL.md", "name": "SKILL.md", "mimeType": "text/markdown"},
        {"uri": f"{root}/logo.png", "name": "logo.png", "mimeType": "image/png"},
        {"uri": f"{root}/scripts", "name": "scripts", "mimeType": "inode/directory"},
    ]
    assert client.request("resources/directory/read", {"uri": f"{root}/scripts"})["resources"] == [
        {"uri": f"{root}/scripts/a%20b", "name": "a b", "mimeType": "inode/directory"}
    ]
    for uri in (f"{root}/", f"{root}/SKILL.md", f"{root}/scripts/..", "skill://shop", "skill://", "", "file:///etc"):
        with pytest.raises(MCPError, match="Unknown directory"):
            client.request("resources/directory/read", {"uri": uri})


@cases(
    ("method", "known", "unknown"),
    [
        ("skills/get", GREET, "skill://conformance/nothing/SKILL.md"),
        ("resources/read", GREET, "skill://conformance/nothing/SKILL.md"),
        ("resources/directory/read", GREET.removesuffix("/SKILL.md"), "skill://conformance/nothing"),
        ("skills/get", SECRET, "skill://shop/../conformance/convert-units/SKILL.md"),
        ("resources/read", SECRET, "skill://shop/count-stock/../mine/SKILL.md"),
        ("resources/read", SECRET, "skill://shop/count-stock/%2e%2e/mine/SKILL.md"),
        ("resources/directory/read", SECRET.removesuffix("/SKILL.md"), "skill://shop/count-stock/.."),
    ],
)
def test_a_skill_that_one_may_not_see_is_answered_as_an_unknown_one(client, method, known, unknown):
    answers = {uri: refused(client, method, uri) for uri in (known, unknown)}

    assert answers[known] == answers[unknown]
    assert b'"error"' in answers[known]


def test_with_the_permission_it_is_there(lane):
    user = User.objects.create(username="ada")
    user.user_permissions.add(Permission.objects.get(codename="add_group"))
    client = MCPClient("/skilled", era="modern", user=user, **lane)

    assert [skill["uri"] for skill in listed(client)] == [CONVERT, GREET, COUNT, MINE, SECRET]
    assert b"call the tool `greet`" in data_of(client, GREET)
    assert client.request("skills/get", {"uri": GREET})["skill"]["uri"] == GREET


@pytest.mark.parametrize("method", ["skills/get", "resources/read", "resources/directory/read"])
def test_a_missing_scope_is_named(method):
    principal = Principal("user:1", User(pk=1), scopes=frozenset())
    uri = SECRET if method != "resources/directory/read" else SECRET.removesuffix("/SKILL.md")

    answered = ask(
        server,
        method,
        {"uri": uri},
        MODERN,
        caller=Caller(principal, lambda: RequestFactory().post("/")),
        headers={"mcp-name": uri, "mcp-method": method},
    )

    assert (answered.status, answered.error["code"]) == (403, -32600), answered


def test_a_skill_that_the_operator_has_closed_is_in_no_list_and_none_of_its_files_is_read(client):
    class Closed(gates.Gate):
        def refuse(self, server, kind, key):
            return "closed" if key == COUNT else None

    logo, folder = COUNT.replace("SKILL.md", "logo.png"), COUNT.removesuffix("/SKILL.md")
    gate = Closed()
    gates.add_gate(gate)
    try:
        assert [skill["uri"] for skill in listed(client)] == [CONVERT, MINE]
        assert not [one["uri"] for one in client.list_resources() if one["uri"].startswith(folder)]
        with pytest.raises(MCPError, match="Unknown skill"):
            client.request("skills/get", {"uri": COUNT})
        with pytest.raises(MCPError, match="Unknown directory"):
            client.request("resources/directory/read", {"uri": folder})
        for uri in (COUNT, logo):
            with pytest.raises(MCPError, match="closed"):
                client.request("resources/read", {"uri": uri})
    finally:
        gates.remove_gate(gate)
    assert data_of(client, logo)


def test_a_skill_inside_of_a_closed_one_is_closed_too():
    outer = MCPServer("nested", extensions=[own := Skills(apps=[])])
    for under, function in (("a", lambda: "b"), ("a/b", lambda: "c")):
        name = function()
        own.skill(under=under, name=name, description="x", files={"more.txt": "m"})(function)

    [inner] = [one for one in outer.registry.resources.values() if one.uri == "skill://a/b/c/more.txt"]
    assert inner.part_of == ("skill://a/b/SKILL.md", "skill://a/b/c/SKILL.md")


@cases(
    ("method", "params"),
    [
        ("skills/list", {"cursor": 1}),
        ("skills/list", {"cursor": "x"}),
        ("skills/get", {}),
        ("skills/get", {"uri": ["x"]}),
        ("resources/directory/read", {"uri": None}),
        ("resources/directory/read", {"uri": "skill://shop/mine", "cursor": "x"}),
    ],
)
def test_invalid_parameters_are_refused(client, method, params):
    with pytest.raises(MCPError) as error:
        client.request(method, params)
    assert error.value.code == -32602


def test_the_same_skills_on_another_server_and_skills_of_one_name():
    other = MCPServer("other", extensions=[skills])
    assert {uri for uri in other.registry.resources if uri.endswith("SKILL.md")} == {
        CONVERT,
        GREET,
        COUNT,
        MINE,
        SECRET,
    }
    assert list(skills.checks(other)) == []

    twins = Skills(apps=[])
    for under in ("a", "b"):
        twins.skill(under=under, name="refund", description="How to refund")(lambda: "")
    [warning] = twins.checks(server)
    assert warning.id == "django_mcp.W062"
    assert warning.msg == "The server 'skilled' has several skills named 'refund': a/refund, b/refund."


def test_a_permission_of_no_skill_is_refused():
    with pytest.raises(ImproperlyConfigured, match="name 'shop/refund', which is no skill"):
        MCPServer("misspelt", extensions=[Skills(apps=["conformance"], permissions={"shop/refund": "shop.x"})])
    with pytest.raises(ImproperlyConfigured, match=r"apps is a list: apps=\['shop'\]"):
        Skills(apps="shop")
