"""Tasks as clients see them: created, asked for, answered, cancelled, by their owners alone (E-11 … E-61 of the
extension's checklist).
"""

import json
import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core.management import call_command
from django.utils import timezone

from django_mcp.contrib.tasks import worker
from django_mcp.contrib.tasks.models import Status, Task
from django_mcp.methods.answering import prepare
from django_mcp.models import Change
from django_mcp.primitives.context import Caller, Principal
from django_mcp.testing import MCPError
from tests import wire
from tests.answering import CALLER, MODERN, inbound
from tests.contrib.tasks.serving import DECLARED, ID, server
from tests.tables import cases

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("tests.contrib.tasks.serving")]

META = {"io.modelcontextprotocol/serverInfo": {"name": "tasked", "version": "1"}}
ACK = {"resultType": "complete", "_meta": META}
UNKNOWN = (-32602, "Unknown task", 400)


def accept(name):
    return {"action": "accept", "content": {"name": name}}


def refused(call, *arguments, **answers):
    with pytest.raises(MCPError) as error:
        call(*arguments, **answers)
    return error.value.code, error.value.message, error.value.status


# Negotiation


def test_it_is_advertised_to_modern_clients_alone(client, client_of):
    capabilities = client.initialize()["capabilities"]

    assert capabilities["extensions"] == {ID: {}}
    assert "tasks" not in capabilities
    assert "extensions" not in client_of(era="handshake").initialize()["capabilities"]


@pytest.mark.parametrize(
    "values",
    [
        {"capabilities": {"tasks": {}}},
        {"capabilities": {"extensions": {ID: True}}},
        {"era": "handshake"},
    ],
)
def test_a_request_that_does_not_declare_it_is_served_inline_or_refused(client_of, jobs, values):
    client = client_of(**values)

    assert client.start("add", a=1, b=2)["structuredContent"] == {"total": 3}
    assert not Task.objects.exists()
    assert refused(client.start, "fail", how="tool")[0] == -32021
    if client.era == "modern":
        for method in (client.get, client.update, client.cancel):
            assert refused(method, "gate-test")[::2] == (-32021, 400)


def test_nothing_is_remembered_between_requests(client, client_of):
    client.start("add", a=1, b=2)

    assert client_of(capabilities={}).start("add", a=1, b=2)["resultType"] == "complete"


def test_no_tool_says_on_the_wire_that_it_may_be_a_task(client, client_of):
    for listing in (client, client_of(era="handshake")):
        assert "task" not in json.dumps([{**tool, "name": "", "title": ""} for tool in listing.list_tools()]).lower()


def test_a_parameter_task_is_ignored(client):
    result = client.request("tools/call", {"name": "inline", "arguments": {}, "task": {"ttl": 5}})

    assert result["resultType"] == "complete"
    for method in ("tasks/list", "tasks/result"):
        assert refused(client.request, method)[::2] == (-32601, 404)


# Creation and the outcome


def test_a_call_becomes_a_task_whose_result_is_that_of_the_call(client_in_lane, jobs):
    client = client_in_lane
    created = client.start("add", a=1, b=2)

    task_id = created["taskId"]
    times = {created.pop("createdAt"), created.pop("lastUpdatedAt")}
    assert len(times) == 1
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", times.pop())
    assert created == {
        "resultType": "task",
        "taskId": task_id,
        "status": "working",
        "ttlMs": 60_000,
        "pollIntervalMs": 500,
        "_meta": META,
    }
    working = client.get(task_id)
    assert (working["resultType"], working["status"]) == ("complete", "working")
    assert working["lastUpdatedAt"] == working["createdAt"]
    jobs.work()
    done = client.get(task_id)
    inline = client.request("tools/call", {"name": "inline", "arguments": {}})
    assert done["status"] == "completed"
    assert done["result"]["structuredContent"] == {"total": 3}
    assert done["result"].keys() - {"structuredContent"} == inline.keys() - {"_meta", "resultType"}
    assert not {"error", "inputRequests", "requestState", "task"} & done.keys()
    assert client.get(task_id) == done


def test_ids_cannot_be_guessed(client):
    ids = {client.start("add", a=1, b=2)["taskId"] for _ in range(20)}

    assert len(ids) == 20
    assert all(re.fullmatch(r"[\w-]{32}", one) for one in ids)


@pytest.mark.parametrize(
    ("how", "status", "member"),
    [
        ("tool", "completed", {"content": [{"type": "text", "text": "no"}], "isError": True}),
        ("protocol", "failed", {"code": -32050, "message": "no", "data": {"why": 1}}),
    ],
)
def test_a_tool_error_completes_a_task_and_an_error_of_the_protocol_fails_it(client, jobs, how, status, member):
    task_id = client.start("fail", how=how)["taskId"]
    jobs.work()

    ended = client.get(task_id)
    assert ended["status"] == status
    assert ended.get("result", ended.get("error")) == member
    assert ("result" in ended) != ("error" in ended)
    assert ended.get("statusMessage") == ("no" if how == "protocol" else None)
    assert not Group.objects.exists()


def test_a_fault_is_told_in_plain_words_and_a_result_is_bounded(client, jobs, caplog):
    ids = [client.start("fail", how=how)["taskId"] for how in ("fault", "large")]
    jobs.work()

    texts = [client.get(one)["result"]["content"][0]["text"] for one in ids]
    assert texts[0] == "The tool fail failed unexpectedly. The server's log has the details."
    assert re.fullmatch(r"The result has 20\d+ bytes, and a task keeps at most 1048576\. Ask for less\.", texts[1])


def test_invalid_arguments_and_unknown_tools_make_no_task(client):
    assert client.start("add", a="x", b=1)["isError"]
    assert refused(client.start, "nothing")[0] == -32602
    assert not Task.objects.exists()


def test_a_queue_that_is_down_leaves_no_orphan(client_in_lane, jobs, caplog):
    client = client_in_lane
    jobs.is_down = True

    assert refused(client.start, "add", a=1, b=2) == (
        -32603,
        "The queue of tasks takes nothing now: try again later",
        503,
    )
    assert not Task.objects.exists()


def test_limits_hold_for_a_user_and_for_all(client_of, jobs, settings, django_user_model):
    ada, bo = (django_user_model.objects.create_user(name) for name in ("ada", "bo"))
    settings.MCP_MAX_UNFINISHED_TASKS_PER_PRINCIPAL, settings.MCP_MAX_UNFINISHED_TASKS = 1, 2
    settings.MCP_MAX_TASKS_PER_PRINCIPAL = 2
    client_of(ada).start("add", a=1, b=2)

    assert refused(client_of(ada).start, "add", a=1, b=2)[::2] == (-32600, 429)
    assert client_of(bo).start("add", a=1, b=2)["taskId"]
    assert refused(client_of().start, "add", a=1, b=2)[::2] == (-32600, 503)
    jobs.work()
    assert client_of(ada).start("add", a=1, b=2)["taskId"]
    jobs.work()
    assert refused(client_of(ada).start, "add", a=1, b=2)[::2] == (-32600, 429)


def test_a_stranger_fills_the_account_of_its_address_and_half_of_all(client_of, jobs, settings, django_user_model):
    settings.MCP_MAX_UNFINISHED_TASKS_PER_PRINCIPAL, settings.MCP_MAX_UNFINISHED_TASKS = 1, 4
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "NUM_PROXIES": 1}
    settings.SECRET_KEY = "By this, these addresses are of different accounts."

    def start(address, user=None):
        return client_of(user, headers={"X-Forwarded-For": f"forged, {address}"}).start("add", a=1, b=2)

    start("2001:db8::1")
    assert refused(start, "2001:db8::ffff")[2] == 429
    start("203.0.113.9")
    assert refused(start, "203.0.113.77")[2] == 503
    assert start("203.0.113.77", django_user_model.objects.create_user("ada"))["taskId"]
    assert len({*Task.objects.filter(principal="").values_list("account", flat=True)}) == 2


# Permissions


def test_permissions_and_throttles_are_asked_before_and_permissions_again_in_the_worker(
    client_of, jobs, django_user_model
):
    ada = django_user_model.objects.create_user("ada")
    assert refused(client_of(ada).start, "guarded")[0] == -32602
    ada.user_permissions.add(Permission.objects.get(codename="add_group"))
    ids = [client_of(User.objects.get(pk=ada.pk)).start("guarded")["taskId"] for _ in range(3)]
    assert refused(client_of(User.objects.get(pk=ada.pk)).start, "guarded")[2] == 429

    _, *rest = jobs
    del jobs[1:]
    jobs.work()
    ada.user_permissions.clear()
    jobs.append(rest[0])
    jobs.work()
    User.objects.filter(pk=ada.pk).update(is_active=False)
    jobs.append(rest[1])
    jobs.work()

    done, forbidden, gone = (client_of(ada).get(one) for one in ids)
    assert done["result"]["content"][0]["text"] == "ada"
    assert forbidden["error"] == {"code": -32602, "message": "Unknown tool: guarded"}
    assert gone["error"] == {"code": -32603, "message": worker.GONE}


def test_a_stranger_is_answered_as_for_an_unknown_task(client_of, jobs, django_user_model):
    ada, eve = (django_user_model.objects.create_user(name) for name in ("ada", "eve"))
    own = client_of(ada).start("book")["taskId"]
    over = client_of(ada).start("add", a=1, b=2)["taskId"]
    Task.objects.filter(task_id=over).update(expires_at=timezone.now())
    jobs.work()

    for user, task_id in ((eve, own), (None, own), (eve, "nothing"), (ada, over), (ada, "\u0000"), (ada, "")):
        for method in (client_of(user).get, client_of(user).update, client_of(user).cancel):
            assert refused(method, task_id) == UNKNOWN
    assert client_of(ada).get(own)["status"] == "input_required"
    meta = {**wire.ENVELOPE, "io.modelcontextprotocol/clientCapabilities": DECLARED}
    for method in ("tasks/get", "tasks/update", "tasks/cancel"):
        bodies = set()
        for one in (own, over, "nothing"):
            post = wire.request(method, {"taskId": one, "inputResponses": {}, "_meta": meta})
            headers = {"mcp-protocol-version": MODERN, "mcp-method": method, "mcp-name": one}
            bodies.add(client_of(eve).post(post, headers).content)
        assert len(bodies) == 1


def test_the_header_must_name_the_task(client):
    task_id = client.start("add", a=1, b=2)["taskId"]

    for method, more in (("tasks/get", {}), ("tasks/cancel", {}), ("tasks/update", {"inputResponses": {}})):
        for header in ("another", ""):  # An empty one is left out.
            with pytest.raises(MCPError) as error:
                client.request(method, {"taskId": task_id, **more}, headers={"mcp-name": header})
            assert (error.value.code, error.value.status) == (-32020, 400)


@cases(
    ("method", "params"),
    [
        ("tasks/get", {}),
        ("tasks/get", {"taskId": 7}),
        ("tasks/get", {"taskId": None}),
        ("tasks/update", {"taskId": "a"}),
        ("tasks/update", {"taskId": "a", "inputResponses": []}),
        ("tasks/cancel", {"taskId": ["a"]}),
    ],
)
def test_parameters_of_the_wrong_type_are_refused(client, method, params):
    assert refused(client.request, method, params)[::2] == (-32602, 400)


# Questions


def test_questions_are_answered_by_updates_and_their_keys_are_never_used_twice(client_in_lane, jobs):
    client = client_in_lane
    task_id = client.start("book")["taskId"]
    jobs.work()
    asked = client.get(task_id)
    assert asked["status"] == "input_required"
    assert asked["inputRequests"].keys() == {"seat", "meal"}
    assert asked["inputRequests"]["seat"]["method"] == "elicitation/create"
    assert asked["inputRequests"]["seat"]["params"]["message"] == "Seat?"
    assert not {"result", "error", "requestState"} & asked.keys()

    assert client.update(task_id, seat=accept("12A"), unknown={"ignored": True}) == ACK
    assert client.get(task_id)["inputRequests"].keys() == {"meal"}
    assert client.update(task_id, seat=accept("1A")) == ACK
    assert not jobs
    client.update(task_id, meal={"action": "accept", "content": {"name": 7}})
    assert client.get(task_id)["status"] == "working"
    assert "inputRequests" not in client.get(task_id)
    jobs.work()
    assert client.get(task_id)["inputRequests"].keys() == {"meal-again"}
    client.update(task_id, **{"meal-again": {"action": "decline"}})
    jobs.work()
    [last] = client.get(task_id)["inputRequests"]
    client.update(task_id, **{last: accept("yes")})
    jobs.work()
    assert client.get(task_id)["result"]["content"][0]["text"] == "12A, decline, yes"
    assert client.update(task_id, seat=accept("1A")) == ACK
    assert client.get(task_id)["status"] == "completed"


def test_a_tool_that_asks_the_same_again_gets_another_key_and_not_for_ever(client, jobs, settings):
    settings.MCP_MAX_ROUNDS = 2
    task_id = client.start("nag")["taskId"]
    jobs.work()
    for key in ("more", "more-2"):
        assert client.get(task_id)["inputRequests"].keys() == {key}
        client.update(task_id, **{key: accept("x")})
        jobs.work()

    assert client.get(task_id)["error"]["message"] == "The call asked for more input too often"


@pytest.mark.parametrize("answer", [None, 7, "accept", {}, {"action": "maybe"}, {"action": "accept", "content": [1]}])
def test_an_answer_that_is_none_is_refused_and_changes_nothing(client, jobs, answer):
    task_id = client.start("book")["taskId"]
    jobs.work()

    code, message, status = refused(client.update, task_id, seat=answer, meal=accept("soup"))

    assert (code, status) == (-32602, 400)
    assert message == "Invalid params: inputResponses.seat is no answer to elicitation/create"
    assert client.get(task_id)["inputRequests"].keys() == {"seat", "meal"}


def test_answers_are_given_back_when_the_queue_is_down(client, jobs, caplog):
    task_id = client.start("book")["taskId"]
    jobs.work()
    jobs.is_down = True
    answers = {"seat": accept("12A"), "meal": accept("soup")}

    assert refused(client.update, task_id, **answers)[2] == 503
    assert client.get(task_id)["inputRequests"].keys() == {"seat", "meal"}
    jobs.is_down = False
    client.update(task_id, **answers)
    jobs.work()
    assert client.get(task_id)["inputRequests"].keys() == {"elicitation-3"}


def test_a_client_that_cannot_be_asked_fails_the_task(client_of, jobs):
    client = client_of(capabilities={"extensions": {ID: {}}})
    task_id = client.start("book")["taskId"]
    jobs.work()

    assert client.get(task_id)["error"]["code"] == -32021


@pytest.mark.parametrize("tool", ["fly", "afly"])
def test_questions_before_a_task_are_rounds_of_the_call(client, client_of, jobs, tool):
    asked = client.start(tool, flight="BA117")
    assert (asked["resultType"], asked["inputRequests"].keys()) == ("input_required", {"who"})
    assert not Task.objects.exists()
    again = {"inputResponses": {"who": accept("Ada")}, "requestState": asked["requestState"]}
    created = client.request("tools/call", {"name": tool, "arguments": {"flight": "BA117"}, **again})
    assert created["resultType"] == "task"
    assert not {"requestState", "inputRequests"} & created.keys()
    jobs.work()
    assert client.get(created["taskId"])["result"]["content"][0]["text"] == "Ada flies BA117"
    inline = client_of(capabilities={}, answers={"elicit": {"name": "Bo"}})
    assert inline.call_tool(tool, {"flight": "BA118"}).text == "Bo flies BA118"


# Cancelling


def test_a_queued_task_is_cancelled_at_once_and_runs_no_more(client, jobs):
    task_id = client.start("fail", how="never")["taskId"]

    assert client.cancel(task_id) == ACK
    cancelled = client.get(task_id)
    assert cancelled["status"] == "cancelled"
    assert not {"result", "error"} & cancelled.keys()
    jobs.work()
    assert not Group.objects.exists()
    assert client.cancel(task_id) == ACK
    assert client.get(task_id) == cancelled


def test_a_task_that_waits_for_an_answer_is_cancelled_at_once(client, jobs):
    task_id = client.start("book")["taskId"]
    jobs.work()
    client.cancel(task_id)

    assert client.get(task_id)["status"] == "cancelled"
    assert client.update(task_id, seat=accept("12A"), meal=accept("soup")) == ACK
    assert not jobs
    assert client.get(task_id)["status"] == "cancelled"


def test_a_task_that_has_ended_stays_as_it_is(client, jobs):
    task_id = client.start("add", a=1, b=2)["taskId"]
    jobs.work()
    done = client.get(task_id)

    assert client.cancel(task_id) == ACK
    assert client.get(task_id) == done


# Time


def test_a_task_is_unknown_when_its_time_is_over_and_purged(client, jobs, capsys):
    old, new = (client.start("add", a=1, b=2)["taskId"] for _ in range(2))
    Task.objects.filter(task_id=old).update(expires_at=timezone.now() - timedelta(seconds=1))

    assert refused(client.get, old) == UNKNOWN
    jobs.work()
    assert Task.objects.get(task_id=old).status == Status.WORKING
    call_command("mcp_purge", "--dry-run")
    assert Task.objects.count() == 2
    call_command("mcp_purge")
    assert [task.task_id for task in Task.objects.all()] == [new]
    said = re.findall(r"(?:Would purge|Purged) \d tasks\.", capsys.readouterr().out)
    assert said == ["Would purge 1 tasks.", "Purged 1 tasks."]


# Listening


def test_a_listener_hears_of_its_own_tasks_alone(client_of, jobs, django_user_model):
    ada, eve = (django_user_model.objects.create_user(name) for name in ("ada", "eve"))
    own = client_of(ada).start("add", a=1, b=2)["taskId"]
    foreign = client_of(eve).start("add", a=1, b=2)["taskId"]

    def listen(wish, capabilities=DECLARED):
        meta = {**wire.ENVELOPE, "io.modelcontextprotocol/clientCapabilities": capabilities}
        message = wire.request("subscriptions/listen", {"notifications": {"taskIds": wish}, "_meta": meta})
        return prepare(server, inbound(message, MODERN), None, caller, streams=True)

    caller = Caller(Principal(f"user:{ada.pk}", ada), CALLER.get_request)
    heard = listen([own, foreign, "unknown", own, "\u0000"])
    assert heard.honoured == {"taskIds": [own]}
    assert heard.wants("notifications/tasks", own)
    assert not heard.wants("notifications/tasks", foreign)
    gate = listen([own], {})
    assert (gate.status, json.loads(gate.body)["error"]["code"]) == (400, -32021)
    assert all(listen(wrong).status == 400 for wrong in (own, [7], True, {}))
    [owned] = server.tables.notifications.values()
    assert owned.key.payload(own, caller)["status"] == "working"
    assert owned.key.payload(foreign, caller) is None
    jobs.work()
    told = {(change.uri, change.principal) for change in Change.objects.filter(method="notifications/tasks")}
    assert told == {(own, f"user:{ada.pk}"), (foreign, f"user:{eve.pk}")}
