"""The developer's own code asks the database wherever a server runs it: it never runs on an event loop."""

from types import ModuleType
from typing import Annotated

import pytest
from django import forms
from django.contrib.auth.models import Group
from django.urls import path
from pydantic import AfterValidator
from rest_framework.throttling import BaseThrottle

from django_mcp import Context, MCPServer
from django_mcp.urls import endpoint
from django_mcp.views import MCPView
from tests.tables import cases

pytestmark = pytest.mark.django_db


def count() -> int:
    """Asks the database, which Django refuses on an event loop."""
    return Group.objects.count()


class Asks(BaseThrottle):
    def allow_request(self, request, view):
        return count() == 0


def known(value: str) -> str:
    assert count() == 0
    return value


class Tenant(MCPServer):
    def get_tools(self, request):
        count()
        return super().get_tools(request)


class Configured(MCPView):
    """Every method by which a view is configured asks the database."""

    def get_server(self):
        count()
        return super().get_server()

    def get_limits(self):
        count()
        return super().get_limits()

    def get_allowed_origins(self):
        count()
        return super().get_allowed_origins()

    def get_permissions(self):
        count()
        return super().get_permissions()


server = MCPServer("own code", version="1", language=lambda ctx: "en" if count() == 0 else None)
searched = MCPServer("searched", version="1", search_tools_above=0)
tenants = Tenant("tenants of their own", version="1")


@server.tool
async def validated(value: Annotated[str, AfterValidator(known)]) -> str:
    return value


@server.tool(permission=lambda principal: count() == 0)
async def permitted(value: str) -> str:
    return value


@server.tool(throttle=Asks)
async def throttled(value: str) -> str:
    return value


class NameForm(forms.Form):
    """A form whose validation asks the database, as that of a ModelForm does."""

    name = forms.CharField(validators=[known])


@server.tool
async def asking(value: str, ctx: Context) -> str:
    answer = await ctx.aelicit("Which?", NameForm)
    return str(answer.data["name"])


@tenants.tool
async def chosen(value: str) -> str:
    return value


@searched.tool(throttle=Asks)
async def found(value: str) -> str:
    return value


@server.prompt(complete={"value": lambda value: [str(count())]})
async def asked(value: str) -> str:
    return value


@server.resource("own://{value}")
async def read(value: str) -> str:
    return value


urlconf = ModuleType("urls_of_developers")
urlconf.urlpatterns = [
    path("own", endpoint(server, public=True)),
    path("tenants", endpoint(tenants, public=True)),
    path("searched", endpoint(searched, public=True)),
    path("configured", endpoint(server, view_class=Configured, public=True)),
]


@pytest.fixture(autouse=True)
def mounted(settings):
    settings.ROOT_URLCONF = urlconf


@pytest.mark.every_combination
@cases(
    ("endpoint_path", "tool"),
    [
        ("/own", "validated"),
        ("/own", "permitted"),
        ("/own", "throttled"),
        ("/tenants", "chosen"),
        ("/searched", "found"),
        ("/configured", "validated"),
    ],
)
def test_code_beside_a_tool_may_ask_the_database(connect, endpoint_path, tool):
    assert connect(endpoint_path).call_tool(tool, {"value": "yes"}).text == "yes"


@pytest.mark.every_combination
def test_a_form_that_a_user_fills_in_may_ask_the_database(connect):
    answers = {"elicit": {"name": "yes"}}
    client = connect("/own", answers=answers, capabilities={"elicitation": {"form": {}}})

    assert client.call_tool("asking", {"value": "x"}).text == "yes"


def test_code_beside_prompts_and_resources_may_ask_the_database(connect):
    client = connect("/own")

    prompt = client.get_prompt("asked", {"value": "yes"})
    assert [message["content"]["text"] for message in prompt["messages"]] == ["yes"]
    assert [content["text"] for content in client.read_resource("own://yes")] == ["yes"]
    assert client.complete({"type": "ref/prompt", "name": "asked"}, "value", "") == ["0"]
