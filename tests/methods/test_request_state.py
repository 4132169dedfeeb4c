"""The state that a modern client carries from round to round: it cannot read, change, keep or use it elsewhere."""

import base64
import logging
import string
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from django_mcp.methods import request_state
from django_mcp.primitives.asking import Inputs
from django_mcp.protocol.errors import ProtocolError
from tests.tables import cases

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
BINDING = request_state.bind("user:1", "airports", "tools/call", {"name": "book", "arguments": {"seat": 1}})
INPUTS = Inputs({"elicitation-1": {"action": "accept", "content": {"seat": "12A"}}}, {"step": [1, None, "é🛫\0"]}, 3)
REFUSAL = (-32602, "Invalid or expired requestState")
ALPHABET = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"


@pytest.fixture(autouse=True)
def clock(time_machine):
    time_machine.move_to(NOW, tick=False)
    return time_machine


def refusal(sealed, binding=BINDING):
    with pytest.raises(ProtocolError) as refused:
        request_state.unseal(sealed, binding)
    return refused.value.code, refused.value.message


def unsealed(sealed):
    """The content of a sealed state, without its nonce."""
    return replace(request_state.unseal(sealed, BINDING), nonce="")


def test_each_state_has_a_name_of_its_own():
    names = {request_state.unseal(request_state.seal(INPUTS, BINDING), BINDING).nonce for _ in range(3)}

    assert len(names) == 3
    assert "" not in names


@cases("inputs", [INPUTS, Inputs(), Inputs(state="\ud800"), Inputs(state=[]), Inputs({"": None})])
def test_what_was_sealed_is_unsealed(inputs):
    assert unsealed(request_state.seal(inputs, BINDING)) == inputs


def test_questions_are_counted_anew_in_each_round():
    """The function runs again from the top."""
    assert unsealed(request_state.seal(Inputs(_turn=5), BINDING)) == Inputs()


def test_what_was_sealed_cannot_be_read():
    sealed = request_state.seal(Inputs(state="the password is hunter2"), BINDING)

    assert sealed.isascii()
    assert b"hunter2" not in base64.urlsafe_b64decode(sealed)


@cases("padding", range(3))
def test_a_state_of_which_any_character_was_changed_is_refused(padding):
    """Base64 has spellings that decode to the same: those are refused too, at each length that it may end in."""
    sealed = request_state.seal(Inputs(state="x" * 16 * padding), BINDING)

    for index, character in enumerate(sealed):
        following = "A" if character == "=" else ALPHABET[(ALPHABET.index(character) + 1) % len(ALPHABET)]
        assert refusal(sealed[:index] + following + sealed[index + 1 :]) == REFUSAL


@cases("addition", ["=", "==", "A", "AAAA", "\n", " ", "!", "é", "\0", "🛫"])
def test_a_state_that_something_was_added_to_is_refused(addition):
    sealed = request_state.seal(INPUTS, BINDING)

    assert refusal(sealed + addition) == REFUSAL
    assert refusal(addition + sealed) == REFUSAL
    assert refusal(sealed[:40] + addition + sealed[40:]) == REFUSAL


@cases("length", [0, 1, 4, 64, -4, -1])
def test_a_state_that_was_cut_is_refused(length):
    assert refusal(request_state.seal(INPUTS, BINDING)[:length]) == REFUSAL


@cases(
    "sealed",
    [
        pytest.param(None, id="null"),
        pytest.param(5, id="a number"),
        pytest.param(True, id="true"),
        pytest.param({}, id="an object"),
        pytest.param(["x"], id="an array"),
        pytest.param("", id="empty"),
        pytest.param("nonsense", id="nonsense"),
        pytest.param("\ud800", id="a lone surrogate"),
        pytest.param("é🛫", id="no ASCII"),
        pytest.param("A" * 64 * 1024, id="64 Ki letters"),
        pytest.param("A" * 1_000_000, id="a million letters"),
    ],
)
def test_what_was_never_sealed_is_refused(sealed):
    assert refusal(sealed) == REFUSAL


def test_a_state_is_good_for_a_short_time(clock):
    sealed = request_state.seal(INPUTS, BINDING)
    clock.move_to(NOW + timedelta(seconds=600))
    assert unsealed(sealed) == INPUTS

    clock.move_to(NOW + timedelta(seconds=601))
    assert refusal(sealed) == REFUSAL


def test_how_long_a_state_is_good_for_is_a_setting(clock, settings):
    settings.MCP_REQUEST_STATE_TTL_SECONDS = 5
    sealed = request_state.seal(INPUTS, BINDING)
    clock.move_to(NOW + timedelta(seconds=6))

    assert refusal(sealed) == REFUSAL


def test_a_state_of_the_future_is_refused(clock):
    """Clocks of servers differ by seconds; by more, somebody tries something."""
    clock.move_to(NOW + timedelta(hours=1))
    sealed = request_state.seal(INPUTS, BINDING)
    clock.move_to(NOW)

    assert refusal(sealed) == REFUSAL


def test_a_state_of_another_call_is_refused():
    other = request_state.bind("user:2", "airports", "tools/call", {"name": "book", "arguments": {"seat": 1}})

    assert refusal(request_state.seal(INPUTS, BINDING), other) == REFUSAL


def test_a_state_that_another_project_sealed_is_refused(settings):
    settings.SECRET_KEY = "theirs"
    sealed = request_state.seal(INPUTS, BINDING)
    settings.SECRET_KEY = "ours"

    assert refusal(sealed) == REFUSAL


def test_a_key_that_was_replaced_still_opens_what_it_sealed_until_it_is_dropped(settings):
    settings.SECRET_KEY = "old"
    sealed = request_state.seal(INPUTS, BINDING)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new", ["older", "old"]
    assert unsealed(sealed) == INPUTS

    settings.SECRET_KEY_FALLBACKS = ["older"]
    assert refusal(sealed) == REFUSAL


def test_what_is_sealed_now_needs_no_key_that_was_replaced(settings):
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new", ["old"]
    sealed = request_state.seal(INPUTS, BINDING)
    settings.SECRET_KEY_FALLBACKS = []

    assert unsealed(sealed) == INPUTS


def test_a_secret_key_may_be_bytes(settings):
    settings.SECRET_KEY = b"bytes\xff"

    assert unsealed(request_state.seal(INPUTS, BINDING)) == INPUTS


def test_a_state_that_is_too_long_to_carry_is_not_sealed():
    with pytest.raises(ValueError, match=r"takes \d+ characters sealed, and 65536 are allowed"):
        request_state.seal(Inputs(state="x" * 50_000), BINDING)


def test_the_longest_states_that_are_sealed_are_unsealed():
    inputs = Inputs(state="x" * 48_000)

    assert unsealed(request_state.seal(inputs, BINDING)) == inputs


def test_a_state_that_is_not_json_is_not_sealed():
    with pytest.raises(TypeError):
        request_state.seal(Inputs(state=object()), BINDING)


@pytest.mark.parametrize(
    ("break_seal", "reason"),
    [
        (lambda sealed: sealed + "=", "not as it was sent"),
        (lambda sealed: sealed[:-8] + "AAAAAA==", "tampered with, or expired"),
        (lambda sealed: None, "not a text of legal length"),
    ],
)
def test_the_log_has_the_reason_for_a_refusal_and_the_answer_has_not(break_seal, reason, caplog):
    with caplog.at_level(logging.WARNING, "django_mcp"):
        assert refusal(break_seal(request_state.seal(Inputs(), BINDING))) == REFUSAL

    assert caplog.messages == [f"A requestState was refused: {reason}"]


# The request that a state is bound to

CALL = {"name": "book", "arguments": {"seat": 1, "class": "Y"}}


@cases(
    "params",
    [
        {"arguments": {"class": "Y", "seat": 1}, "name": "book"},
        {**CALL, "_meta": {"progressToken": 2}},
        {**CALL, "inputResponses": {"elicitation-1": {}}, "requestState": "x"},
    ],
)
def test_the_rounds_of_a_call_are_the_same_call(params):
    first = request_state.bind("user:1", "airports", "tools/call", CALL)

    assert request_state.bind("user:1", "airports", "tools/call", params) == first


@cases(
    "other",
    [
        ("user:2", "airports", "tools/call", CALL),
        ("", "airports", "tools/call", CALL),
        ("user:1", "other", "tools/call", CALL),
        ("user:1a", "irports", "tools/call", CALL),
        ("user:1", "airports", "prompts/get", CALL),
        ("user:1", "airports", "tools/call", {**CALL, "name": "cancel"}),
        ("user:1", "airports", "tools/call", {**CALL, "arguments": {"seat": 1}}),
        ("user:1", "airports", "tools/call", {**CALL, "arguments": {"seat": "1", "class": "Y"}}),
        ("user:1", "airports", "tools/call", {**CALL, "arguments": {"seat": True, "class": "Y"}}),
        ("user:1", "airports", "tools/call", {"name": "book"}),
    ],
)
def test_another_caller_server_method_or_argument_is_another_call(other):
    assert request_state.bind(*other) != request_state.bind("user:1", "airports", "tools/call", CALL)
