"""A tool outside of its request: asked again for permission, in its transaction, with the answers so far."""

import logging

import pytest
from django.contrib.auth.models import AnonymousUser, Group, User
from django.http import HttpRequest

from django_mcp import Budget, Context, InputRequired, MCPServer, ProtocolError, ToolError
from django_mcp.exceptions import Cancelled
from django_mcp.extensions import DeferredCall, Extension, Instead, run_tool
from django_mcp.gates import Gate, Refusal, add_gate, remove_gate
from django_mcp.primitives.context import Caller, Principal

pytestmark = pytest.mark.django_db

NAME = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
ELICITS = {"elicitation": {}}


class Never(Extension):
    id = "com.example/never"

    def intercept(self, call):
        return Instead(lambda: "intercepted")


class Stream:
    def __init__(self):
        self.cancelled = False
        self.said = []

    def notify(self, method, params):
        self.said.append((method, params))

    def runs_in(self, task):
        pass


def stamp(invocation):
    yield
    invocation.answer(f"{invocation.value}!")


server = MCPServer("deferred", extensions=[Never()], middleware=[stamp])


@server.tool(throttle="1/day")
def greet(name: str, ctx: Context) -> str:
    ctx.progress(1, 2, "half")
    return f"{ctx.user.get_username()} greets {name}"


@server.tool(permission="auth.add_group")
def write(how: str) -> str:
    Group.objects.create(name=how)
    match how:
        case "tool":
            raise ToolError("no")
        case "protocol":
            raise ProtocolError(-32603, "no")
        case "fault":
            raise ValueError("secret")
        case "cancelled":
            raise Cancelled
    return "done"


@server.tool(budget=Budget(queries=1))
async def spend() -> str:
    return str(sum([await Group.objects.acount() for _ in range(3)]))


@server.tool
def ask(ctx: Context) -> str:
    if not ctx.call_state:
        raise InputRequired({"raw": ctx.form_question("Raw?", NAME)}, state={"asked": True})
    both = ctx.elicit_all({"a": ("A?", NAME), "b": ("B?", NAME)})
    return " ".join(answer.data["name"] for answer in both.values())


def run(tool, user=None, **values):
    caller = Caller(Principal("user:1", user or AnonymousUser()), HttpRequest)
    values = {"arguments": {}, "client_capabilities": ELICITS, "stream": Stream(), **values}
    return run_tool(server, DeferredCall(id="t1", tool=tool, caller=caller, **values))


def test_a_tool_runs_as_its_user_with_middleware_and_without_throttles_and_interceptors():
    stream = Stream()

    ended = [run("greet", User(username="ada"), arguments={"name": "Bo"}, stream=stream) for _ in range(2)]

    assert [one.result for one in ended] == [
        {"content": [{"type": "text", "text": "ada greets Bo!"}], "isError": False}
    ] * 2
    params = {"progressToken": "t1", "progress": 1, "total": 2, "message": "half"}
    assert stream.said == [("notifications/progress", params)] * 2


def test_permissions_are_asked_again(django_user_model):
    ada = django_user_model.objects.create_superuser("ada")

    assert run("write", ada, arguments={"how": "x"}).result["content"][0]["text"] == "done!"
    denied = run("write", arguments={"how": "y"})
    assert (denied.error.code, denied.error.message) == (-32602, "Unknown tool: write")
    assert run("nothing").error.message == "Unknown tool: nothing"
    assert run("greet", arguments={}).result["isError"]


def test_a_caller_whom_a_gate_refuses_gets_no_run():
    class Refuses(Gate):
        def refuse_caller(self, server, principal):
            return Refusal(f"{principal.key} is stopped on {server}.")

    gate = Refuses()
    add_gate(gate)
    try:
        refused = run("greet", arguments={"name": "Bo"})
    finally:
        remove_gate(gate)

    assert (refused.error.code, refused.error.message) == (-32600, "user:1 is stopped on deferred.")


@pytest.mark.parametrize("how", ["tool", "protocol", "fault", "cancelled"])
def test_a_failure_is_undone_and_told_as_inline(how, django_user_model, caplog):
    caplog.set_level(logging.CRITICAL)
    ended = run("write", django_user_model.objects.create_superuser("ada"), arguments={"how": how})

    assert not Group.objects.exists()
    assert ended.is_cancelled == (how == "cancelled")
    assert (ended.error is not None) == (how == "protocol")
    if how in ("tool", "fault"):
        assert ended.result["isError"]
        assert "secret" not in str(ended.result)


def test_budgets_hold():
    assert "more than the 1 queries" in run("spend").result["content"][0]["text"]


def test_questions_end_the_run_and_answers_run_it_again():
    first = run("ask")
    assert (list(first.questions), first.state) == (["raw"], {"asked": True})
    again = {"answers": {"raw": {}}, "state": first.state, "round": 1}
    assert list(run("ask", **again).questions) == ["a", "b"]
    answers = {key: {"action": "accept", "content": {"name": key}} for key in "ab"}
    assert list(run("ask", answers={"a": answers["a"]}, state=first.state).questions) == ["b"]
    assert run("ask", answers=answers, state=first.state).result["content"][0]["text"] == "a b!"
    assert run("ask", round=1000).error.message == "The call asked for more input too often"
    assert run("ask", client_capabilities={}).error.code == -32021


def test_a_cancelled_stream_ends_the_call():
    stream = Stream()
    stream.cancelled = True

    assert run("greet", arguments={"name": "Bo"}, stream=stream).is_cancelled
