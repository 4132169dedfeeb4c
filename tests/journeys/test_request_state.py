"""A tool that changes something asks first: its question cannot be skipped, and one answer is good for one call."""

from types import ModuleType

import pytest
from django.urls import path
from pydantic import BaseModel

from django_mcp import Context, MCPServer
from django_mcp.models import SpentState
from django_mcp.testing import MCPClient
from django_mcp.urls import endpoint

pytestmark = pytest.mark.django_db


class Sure(BaseModel):
    sure: bool


made = []
server = MCPServer("bank", version="1")


@server.tool(destructive=True)
def transfer(amount: int, ctx: Context) -> str:
    if ctx.elicit(f"Transfer {amount}?", Sure).data.sure:
        made.append(amount)
    return f"{len(made)} made"


@server.tool(read_only=True)
async def balance(ctx: Context) -> str:
    answer = await ctx.aelicit("Which account?", Sure)
    return answer.action


YES = {"action": "accept", "content": {"sure": True}}
urlconf = ModuleType("urls_of_a_bank")
urlconf.urlpatterns = [path("mcp", endpoint(server, public=True))]


@pytest.fixture(autouse=True)
def mounted(settings):
    settings.ROOT_URLCONF = urlconf
    made.clear()


@pytest.fixture
def call(lane):
    """The result or error of one round of a call, without what the test client would answer by itself."""
    client = MCPClient("/mcp", era="modern", capabilities={"elicitation": {"form": {}}}, **lane)

    def call(name, **params):
        arguments = {"amount": 5} if name == "transfer" else {}
        message = client._message("tools/call", {"name": name, "arguments": arguments, **params})
        return client.post(message).json()

    return call


def test_a_question_is_answered_once(call):
    asked = call("transfer")["result"]
    answer = {"inputResponses": dict.fromkeys(asked["inputRequests"], YES), "requestState": asked["requestState"]}

    first, second = call("transfer", **answer), call("transfer", **answer)

    assert first["result"]["content"][0]["text"] == "1 made"
    assert second["error"] == {"code": -32602, "message": "Invalid or expired requestState"}
    assert made == [5]


def test_an_answer_without_the_state_that_asked_for_it_is_not_taken(call):
    (key,) = call("transfer")["result"]["inputRequests"]

    again = call("transfer", inputResponses={key: YES})

    assert again["result"]["resultType"] == "input_required"
    assert made == []


def test_an_answer_to_what_the_state_did_not_ask_is_not_taken(call):
    asked = call("transfer")["result"]

    again = call("transfer", inputResponses={"another": YES}, requestState=asked["requestState"])

    assert again["result"]["resultType"] == "input_required"
    assert made == []


def test_a_tool_that_changes_nothing_takes_answers_as_often_as_they_come(call):
    (key,) = call("balance")["result"]["inputRequests"]

    answers = [call("balance", inputResponses={key: YES}) for _ in range(2)]

    assert [answer["result"]["content"][0]["text"] for answer in answers] == ["accept", "accept"]
    assert not SpentState.objects.exists()
