"""Assertions about results: those that hold can be chained, and each that does not shows the conversation."""

import pytest

from django_mcp.testing import CallResult
from django_mcp.testing.results import Told
from tests.tables import cases


def progress(value, **rest):
    return {"method": "notifications/progress", "params": {"progressToken": 1, "progress": value, **rest}}


LINK = {"type": "resource_link", "uri": "note://1", "name": "first"}
EMBEDDED = {"type": "resource", "resource": {"uri": "note://2", "text": "Buy milk"}}
CONTENT = [{"type": "text", "text": "a"}, {"type": "image", "data": ""}, {"type": "text", "text": "b"}, LINK, EMBEDDED]
GOOD = CallResult(
    {"content": CONTENT, "structuredContent": {"id": 7, "name": "Home"}},
    Told(
        questions=({"method": "elicitation/create", "params": {"message": "Which seat?"}},),
        notifications=({"method": "notifications/message"}, progress(1, total=2), progress(2, total=2, message="Done")),
        queries=("SELECT a", "SELECT a", "SELECT b"),
    ),
)
BAD = CallResult({"content": [{"type": "text", "text": "You have no trip 7."}], "isError": True})
SENT = "  2 times: SELECT a\n  1 times: SELECT b"
UNFINISHED = CallResult({"resultType": "input_required"})


def test_a_call_result_has_its_parts():
    assert (GOOD.is_error, GOOD.content, GOOD.text, GOOD.data) == (False, CONTENT, "a\nb", {"id": 7, "name": "Home"})
    assert (BAD.is_error, BAD.data, UNFINISHED.content) == (True, None, [])


def test_a_value_that_an_era_wraps_is_compared_without_its_wrapping():
    wrapped = {"content": [], "structuredContent": {"result": [1]}}

    assert CallResult(wrapped, Told(wraps=True)).structured([1]).structured({"result": [1]})
    with pytest.raises(AssertionError):
        CallResult(wrapped).structured([1])


def test_assertions_that_hold_are_chained():
    of_all = GOOD.ok().structured({"id": 7, "name": "Home"}).structured(id=7).sees("a", "note://1", "milk")

    assert of_all.sees_not("secret").asked().asked("seat", times=1).progress().queries(3).queries(at_most=4) is GOOD
    assert GOOD.progress(1, 2, total=2, message="Do") is GOOD
    assert BAD.error().error("no trip", "7").asked(times=0) is BAD


@cases(
    ("assertion", "told"),
    [
        (lambda: BAD.ok(), "The tool has failed: You have no trip 7."),
        (lambda: UNFINISHED.ok(), "The tool has not ended: its result is 'input_required'."),
        (lambda: GOOD.error(), "The tool has succeeded, and should have failed."),
        (lambda: BAD.error("trip 8"), "The model does not see 'trip 8'. It sees: You have no trip 7."),
        (lambda: GOOD.structured({}), 'The structured content is\n  {"id": 7, "name": "Home"}\nand not\n  {}'),
        (
            lambda: GOOD.structured(id=7, name="Away"),
            'The structured content is\n  {"id": 7, "name": "Home"}\nwithout\n  {"name": "Away"}',
        ),
        (lambda: BAD.structured(id=None), 'The structured content is\n  null\nwithout\n  {"id": null}'),
        (lambda: GOOD.sees("a", "c"), "The model does not see 'c'. It sees: a\n\nb\nnote://1\nfirst\nBuy milk"),
        (lambda: GOOD.sees_not("secret", "Home"), "The result has 'Home' in it."),
        (lambda: BAD.asked(), "The tool asked nothing."),
        (lambda: GOOD.asked(times=2), "The tool asked 1 questions, and not 2."),
        (lambda: GOOD.asked("meal"), "The tool did not ask 'meal'."),
        (lambda: BAD.progress(), "The tool reported no progress."),
        (lambda: BAD.progress(1), "The tool reported no progress, and not 1."),
        (lambda: GOOD.progress(2, 1), "The tool reported the progress 1, 2, and not 2, 1."),
        (lambda: GOOD.progress(total=3), "The tool reported progress of a total of 2, and not 3."),
        (lambda: GOOD.progress(message="Half"), "No progress was reported with 'Half'."),
        (lambda: GOOD.queries(2), f"The call sent 3 queries, and not 2:\n{SENT}"),
        (
            lambda: GOOD.queries(at_most=0),
            f"The call sent 3 queries, and not at most 0:\n{SENT}",
        ),
    ],
)
def test_an_assertion_that_does_not_hold_says_why(assertion, told):
    with pytest.raises(AssertionError) as failed:
        assertion()

    assert str(failed.value) == told


@cases(
    "misused",
    [
        lambda: GOOD.structured(),
        lambda: GOOD.structured({}, a=1),
        lambda: GOOD.queries(),
        lambda: GOOD.sees(),
        lambda: GOOD.sees_not(""),
    ],
)
def test_an_assertion_about_nothing_is_refused(misused):
    with pytest.raises(TypeError):
        misused()


@pytest.mark.django_db
@pytest.mark.urls("tests.urls")
def test_a_failure_shows_the_whole_conversation(connect, era):
    client = connect("/plain", answers={"elicit": {"count": 2}})

    with pytest.raises(AssertionError) as failed:
        client.call_tool("order", {"dish": "pies"}).error("no pies")

    lines = str(failed.value).splitlines()
    assert lines[:2] == ["The tool has succeeded, and should have failed.", ""]
    assert lines[2] == f"The conversation with /plain ({client.version}, {client._lane}):"
    assert '→ tools/call {"name": "order", "arguments": {"dish": "pies"}}' in lines
    asked = next(line for line in lines if line.startswith("  ← elicitation/create"))
    assert '"message": "How many pies?"' in asked
    assert lines[lines.index(asked) + 1] == '  → {"action": "accept", "content": {"count": 2}}'
    assert '"text": "2 pies"' in lines[-1]
