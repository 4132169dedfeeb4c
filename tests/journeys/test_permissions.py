"""Primitives that ask for permissions or scopes: hidden in lists, and answered as what is not there, in the same
words.
"""

import pytest
from django.contrib.auth.models import Group, Permission, User

from django_mcp.models import Change
from django_mcp.testing import MCPError
from tests.tables import cases

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.urls")]


@pytest.fixture
def ada():
    return User.objects.create_user("ada")


@pytest.fixture
def view_group():
    return Permission.objects.get(codename="view_group")


def names(client, method, key, name):
    found, params = [], {}
    while params is not None:
        result = client.request(method, params)
        found += [entry[name] for entry in result[key]]
        params = {"cursor": result["nextCursor"]} if "nextCursor" in result else None
    return found


def everything(client):
    return [
        *names(client, "tools/list", "tools", "name"),
        *names(client, "resources/list", "resources", "uri"),
        *names(client, "resources/templates/list", "resourceTemplates", "uriTemplate"),
        *names(client, "prompts/list", "prompts", "name"),
    ]


def test_lists_show_what_the_user_may_use(connect, ada, view_group):
    # A credential of a kind without scopes sees the primitives that ask for scopes.
    assert everything(connect("/guarded")) == ["open_door", "rename_group"]

    ada.user_permissions.add(view_group)
    hidden = ["secret://motto", "secret://{name}", "secret_prompt"]
    assert everything(connect("/guarded", user=ada)) == ["open_door", "count_groups", "rename_group", *hidden]

    User.objects.filter(pk=ada.pk).update(is_staff=True)
    ada = User.objects.get(pk=ada.pk)
    tools = ["open_door", "count_groups", "sync_staff", "admins_only", "rename_group"]
    assert everything(connect("/guarded", user=ada)) == [*tools, *hidden]

    User.objects.filter(pk=ada.pk).update(is_active=False)
    assert "count_groups" not in everything(connect("/guarded", user=User.objects.get(pk=ada.pk)))


HIDDEN = [
    ("tools/call", "name", "count_groups", {}),
    ("tools/call", "name", "sync_staff", {"arguments": {"wrong": 1}}),
    ("tools/call", "name", "admins_only", {}),
    ("prompts/get", "name", "secret_prompt", {}),
    ("resources/read", "uri", "secret://motto", {}),
    ("resources/read", "uri", "secret://editors", {}),
]


@pytest.mark.every_combination
@cases(("method", "key", "name", "params"), HIDDEN)
def test_what_is_hidden_is_answered_as_what_is_not_there(connect, ada, method, key, name, params):
    client = connect("/guarded", user=ada)
    nothing = name[:-1] + "_" if "://" not in name else "nothing" + name[6:]

    def refusal(target):
        with pytest.raises(MCPError) as refused:
            client.request(method, {key: target, **params})
        error = refused.value
        return error.status, error.code, error.message.replace(target, "…"), str(error.data).replace(target, "…")

    assert refusal(name) == refusal(nothing)


@pytest.mark.parametrize(
    "reference",
    [
        {"type": "ref/prompt", "name": "secret_prompt"},
        {"type": "ref/resource", "uri": "secret://{name}"},
        {"type": "ref/resource", "uri": "secret://motto"},
        {"type": "ref/resource", "uri": "secret://editors"},
    ],
)
def test_what_is_hidden_completes_nothing(connect, ada, view_group, reference):
    params = {"ref": reference, "argument": {"name": "tone", "value": ""}}
    with pytest.raises(MCPError) as refused:
        connect("/guarded", user=ada).request("completion/complete", params)
    assert refused.value.code == -32602

    ada.user_permissions.add(view_group)
    assert "completion" in connect("/guarded", user=User.objects.get()).request("completion/complete", params)


def test_a_permission_that_is_given_opens_what_it_hid(connect, ada, view_group):
    ada.user_permissions.add(view_group)
    client = connect("/guarded", user=ada)

    assert client.call_tool("count_groups").text == "0"
    assert client.read_resource("secret://motto")[0]["text"] == "Festina lente"
    assert client.get_prompt("secret_prompt", {"tone": "dry"})["messages"]


def test_lists_that_are_not_the_same_for_everybody_are_private(connect, era):
    result = connect("/guarded").request("tools/list")

    expected = {"ttlMs": 5000, "cacheScope": "private"} if era == "modern" else {}
    assert {key: result[key] for key in ("ttlMs", "cacheScope") if key in result} == expected


def scoped(connect, scopes, client="c1"):
    return connect("/scoped", headers={"Authorization": f"Bearer {client}:{scopes}"})


def test_a_missing_scope_is_hidden_in_lists_and_asked_for_when_called(connect, ada):
    client = scoped(connect, "groups:read")
    assert everything(client) == ["open_door"]

    with pytest.raises(MCPError) as refused:
        client.call_tool("rename_group", {"name": "x"})

    assert refused.value.status == 403
    assert refused.value.message == "Insufficient scope: groups:read groups:write is required"
    assert refused.value.headers["www-authenticate"] == (
        'Bearer error="insufficient_scope", scope="groups:read groups:write"'
    )
    client = scoped(connect, "groups:write,groups:read,more")
    assert client.call_tool("rename_group", {"name": "x"}).text == "x"


def test_a_plain_tool_costs_no_query_beside_guarded_ones(connect, era, django_assert_num_queries):
    client = connect("/guarded")
    client.list_tools()

    with django_assert_num_queries(1 if era == "handshake" else 0):
        assert client.call_tool("open_door").text == "open"


# Changes


def told():
    rows = [(change.server, change.method.split("/")[1], change.principal) for change in Change.objects.order_by("pk")]
    Change.objects.all().delete()
    return [(method, principal) for server, method, principal in rows if server == "guarded"]


def changed(*principals):
    return sorted((method, principal) for principal in principals for method in ("tools", "resources", "prompts"))


@pytest.fixture
def commits(django_capture_on_commit_callbacks):
    return lambda: django_capture_on_commit_callbacks(execute=True)


def test_who_is_given_or_loses_a_permission_is_told(commits, ada, view_group):
    her = f"user:{ada.pk}"
    for change in (
        lambda: ada.user_permissions.add(view_group),
        lambda: ada.user_permissions.remove(view_group),
        lambda: view_group.user_set.add(ada),
        lambda: ada.groups.add(Group.objects.create(name="editors")),
        lambda: Group.objects.get().user_set.remove(ada),
    ):
        with commits():
            change()
        assert sorted(told()) == changed(her)


def test_the_members_of_a_group_whose_permissions_change_are_told_and_nobody_else(commits, ada, view_group):
    bob, _eve = User.objects.create_user("bob"), User.objects.create_user("eve")
    editors = Group.objects.create(name="editors")
    editors.user_set.set([ada, bob])
    for change in (
        lambda: editors.permissions.add(view_group),
        lambda: view_group.group_set.remove(editors),
        lambda: editors.permissions.set([view_group]),
        lambda: editors.permissions.clear(),
    ):
        Change.objects.all().delete()
        with commits():
            change()
        assert sorted(told()) == changed(f"user:{ada.pk}", f"user:{bob.pk}")


def test_a_large_group_is_told_as_everybody(commits, ada, view_group, monkeypatch):
    monkeypatch.setattr("django_mcp.receivers.MEMBERS_LIMIT", 1)
    editors = Group.objects.create(name="editors")
    editors.user_set.set([ada, User.objects.create_user("bob")])
    with commits():
        editors.permissions.add(view_group)

    assert sorted(told()) == changed("*")
