"""Forms as tools: the errors come back by field."""

import pytest
from django import forms
from django.contrib.auth.models import Group, Permission
from django.core.exceptions import ImproperlyConfigured

from django_mcp.contrib.apps import form_tool
from django_mcp.testing import MCPError
from tests.tables import cases

pytestmark = pytest.mark.django_db


DATE_AND_TIME = ["Enter a valid date.", "Enter a valid time."]


@pytest.fixture
def ada(django_user_model):
    ada = django_user_model.objects.create_user("ada")
    ada.user_permissions.add(Permission.objects.get(codename="add_group"))
    return ada


@pytest.mark.parametrize("lane", ["view"], indirect=True)
def test_a_form_is_a_tool(client_of, ada, era, lane):
    client = client_of(ada, era=era, **lane)
    [tool] = [tool for tool in client.list_tools() if tool["name"] == "save_group"]

    assert tool["description"] == "Saves a group."
    assert tool["_meta"] == {"ui": {"visibility": ["app"]}}
    assert tool["inputSchema"]["properties"].keys() == {"name", "kinds", "at_0", "at_1"}
    assert tool["inputSchema"]["properties"]["name"]["description"] == "name Short"
    assert "required" not in tool["inputSchema"]

    done = client.call_tool("save_group", {"name": "ok", "kinds": ["b"], "at_0": "2026-11-29", "at_1": "03:00"})
    assert (done.is_error, done.data) == (
        False,
        {"errors": {}, "data": {"name": "ok", "kinds": ["b"], "user": "ada"}},
    )
    assert Group.objects.get().name == "ok"


@cases(
    ("values", "errors"),
    [
        ({}, {"name": ["This field is required."]}),
        ({"name": "too long"}, {"name": ["Ensure this value has at most 5 characters (it has 8)."]}),
        ({"name": "no"}, {"__all__": ["Not this one."]}),
        (
            {"name": "ok", "kinds": ["c"]},
            {"kinds": ["Select a valid choice. c is not one of the available choices."]},
        ),
        ({"name": "ok", "at_0": "x", "at_1": "03:00"}, {"at": ["Enter a valid date."]}),
        ({"name": "late"}, {"name": ["Too late."], "__all__": ["Unknown field."]}),
        ({"name": "add"}, {"kinds": ["Choose better."]}),
        ({"name": "\u0000"}, {"name": ["Null characters are not allowed."]}),
        ({"name": True, "kinds": 7}, {"kinds": ["Select a valid choice. 7 is not one of the available choices."]}),
        *[({"name": "ok", "at_0": odd, "at_1": odd}, {"at": DATE_AND_TIME}) for odd in (7, 1.5, True, ["x"])],
    ],
)
def test_errors_come_back_by_field_and_nothing_is_written(client_of, ada, values, errors):
    answer = client_of(ada).call_tool("save_group", values)

    assert (answer.is_error, answer.data) == (False, {"errors": errors})
    assert answer.text.startswith("Not accepted:\n- ")
    assert not Group.objects.exists()


def test_a_fragment_is_escaped_and_goes_with_the_errors(client_of, ada):
    answer = client_of(ada).call_tool("save_group", {"name": "rows"})

    assert answer.data == {"errors": {}, "total": 1, "html": "<li>&lt;b&gt;</li>"}
    assert answer.text == "1 row"


@cases("values", [{"name": {"a": 1}}, {"unknown": "x"}, {"name": "x", "form": "x"}])
def test_arguments_that_no_form_sends_are_refused_in_band(client_of, ada, values):
    assert client_of(ada).call_tool("save_group", values).is_error


def test_somebody_without_the_permission_has_no_such_tool(client_of, django_user_model):
    bob = client_of(django_user_model.objects.create_user("bob"))

    assert "save_group" not in {tool["name"] for tool in bob.list_tools()}
    with pytest.raises(MCPError, match="Unknown tool"):
        bob.call_tool("save_group", {"name": "x"})


class Upload(forms.Form):
    file = forms.FileField()


class Named(forms.Form):
    pass


Named.base_fields["not-a-name"] = forms.CharField()


async def coroutine(form):
    """Never runs."""


@cases(
    ("form_class", "function", "message"),
    [
        (Upload, lambda form: None, "file is a file, which an app cannot send"),
        (Named, lambda form: None, "'not-a-name' is no name of an argument"),
        (forms.Form, coroutine, "is no coroutine"),
    ],
)
def test_a_form_that_no_script_could_send_is_refused_at_start_up(form_class, function, message):
    with pytest.raises(ImproperlyConfigured, match=message):
        form_tool(form_class)(function)
