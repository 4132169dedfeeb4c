"""A tool outside of its request: asked again for permission, in its transaction, with the answers so far."""

import json
import logging

import pytest
from django.contrib.auth.models import AnonymousUser, Group, User
from django.http import HttpRequest

from django_mcp import Budget, Context, InputRequired, MCPServer, ProtocolError, ToolError
from django_mcp.exceptions import Cancelled
from django_mcp.extensions import DeferredCall, Extension, Instead, run_tool
from django_mcp.gates import Gate, Refusal, add_gate, remove_gate
from django_mcp.observers import Observer, observe, stop_observing
from django_mcp.primitives.context import Caller, Principal
from tests.tables import cases

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


class Heard(Observer):
    counts_queries = True

    def __init__(self):
        self.started_calls, self.finished_calls = [], []

    def started(self, call):
        self.started_calls.append(call.stream)

    def finished(self, call):
        self.finished_calls.append(call)


@pytest.fixture
def heard():
    observer = Heard()
    observe(observer)
    yield observer
    stop_observing(observer)


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


def test_a_caller_whom_a_gate_refuses_gets_no_run(heard):
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
    assert [(seen.outcome, seen.error_text) for seen in heard.finished_calls] == [("forbidden", refused.error.message)]


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


@cases(
    ("tool", "arguments", "outcome", "error_class"),
    [
        ("greet", {"name": "Bo"}, "ok", ""),
        ("greet", {}, "invalid", "InvalidArguments"),
        ("nothing", {}, "unknown", "ProtocolError"),
        ("write", {"how": "tool"}, "tool_error", "ToolError"),
        ("write", {"how": "protocol"}, "failed", "ProtocolError"),
        ("write", {"how": "fault"}, "failed", "ValueError"),
        ("write", {"how": "cancelled"}, "cancelled", "Cancelled"),
        ("spend", {}, "over_budget", "BudgetExceeded"),
        ("ask", {}, "input_required", ""),
    ],
)
def test_a_run_is_observed_once(tool, arguments, outcome, error_class, heard, caplog):
    caplog.set_level(logging.CRITICAL)
    ended = run(tool, User(username="ada", is_superuser=True), arguments=arguments)

    stream, seen = heard.started_calls.pop(), heard.finished_calls.pop()
    assert heard.started_calls == heard.finished_calls == []
    assert (seen.outcome, seen.error_class) == (outcome, error_class)
    assert (seen.lane, seen.path, seen.era, seen.name) == ("task", "", "modern", tool)
    assert stream is not None  # By which an operator cancels it.
    if ended.result is not None:
        assert json.loads(seen.body) == {"jsonrpc": "2.0", "id": "t1", "result": ended.result}
    if tool == "spend":
        assert seen.queries >= 1


def test_the_runs_of_one_call_have_one_key(heard):
    run("ask")
    run("ask", answers={"raw": {}}, state={"asked": True}, round=1)

    first, second = heard.finished_calls
    assert (first.key, first.round, second.round) == (second.key, 0, 1)
