"""The context of a running primitive. Its questions to the client are in test_asking."""

from types import SimpleNamespace

import pytest

from django_mcp.exceptions import Cancelled
from django_mcp.primitives import context as contexts
from django_mcp.primitives.asking import Inputs
from django_mcp.primitives.context import Caller, Context, Principal
from tests.tables import cases

USER = object()
REQUEST = object()


class RequestStream:
    """Notes what is said to the client."""

    def __init__(self):
        self.sent = []
        self.cancelled = False
        self.closed = 0

    def notify(self, method, params):
        self.sent.append((method, params))

    def close(self):
        self.closed += 1


@pytest.fixture
def request_stream():
    return RequestStream()


@pytest.fixture
def clock(monkeypatch):
    """The time in seconds, which moves when a test moves it."""
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(contexts.time, "monotonic", lambda: clock.now)
    return clock


def make(request_stream=None, **values):
    return Context(
        **{
            "server": "server",
            "method": "tools/call",
            "request_id": 1,
            "era": "handshake",
            "protocol_version": "2025-11-25",
            "client_info": {"name": "test"},
            "client_capabilities": {},
            "meta": {},
            "session": None,
            "caller": Caller(Principal("user:1", USER), lambda: REQUEST),
            "request_stream": request_stream,
        }
        | values
    )


def test_the_caller_is_the_user_of_the_request():
    context = make()

    assert (context.user, context.request) == (USER, REQUEST)


def test_djangos_request_is_made_when_somebody_wants_it():
    def fail():
        raise AssertionError("made unasked")

    assert make(caller=Caller(Principal("user:1", USER), fail)).user is USER


# Cancellation


def test_a_request_that_nobody_can_call_off_is_not_cancelled():
    context = make()

    context.raise_if_cancelled()
    assert not context.cancelled


def test_a_function_can_look_whether_the_client_has_called_it_off(request_stream):
    context = make(request_stream)
    context.raise_if_cancelled()

    request_stream.cancelled = True

    assert context.cancelled
    with pytest.raises(Cancelled):
        context.raise_if_cancelled()


# Progress


@pytest.mark.parametrize("token", [0, "", 7, "abc", "x" * 255])
def test_progress_goes_to_a_client_that_asked_for_it(request_stream, token):
    context = make(request_stream, meta={"progressToken": token})

    context.progress(0)
    context.progress(0.5, total=2, message="half")

    assert request_stream.sent == [
        ("notifications/progress", {"progressToken": token, "progress": 0}),
        ("notifications/progress", {"progressToken": token, "progress": 0.5, "total": 2, "message": "half"}),
    ]


@cases("token", ["x" * 256, 2**63, True])
def test_a_token_that_could_be_no_request_id_gets_no_progress(request_stream, token):
    """Each report repeats the token, and may be stored."""
    make(request_stream, meta={"progressToken": token}).progress(1)

    assert request_stream.sent == []


@cases("meta", [{}, {"progressToken": None}, {"progressToken": 1.5}, {"progressToken": [1]}])
def test_progress_goes_to_nobody_else(request_stream, meta):
    make(request_stream, meta=meta).progress(1)

    assert request_stream.sent == []


def test_progress_without_a_way_to_the_client_is_dropped():
    make(meta={"progressToken": 1}).progress(1)


def test_progress_only_goes_up(request_stream):
    """Spec basic/utilities/progress: each value is greater than the one before."""
    context = make(request_stream, meta={"progressToken": 1})

    for progress in (-1, 3, 3, 2, float("nan"), float("inf"), 4):
        context.progress(progress)

    assert [params["progress"] for _, params in request_stream.sent] == [-1, 3, 4]


def test_too_much_progress_waits_and_the_last_is_told(request_stream, clock):
    context = make(request_stream, meta={"progressToken": 1})

    for progress in range(100):
        context.progress(progress, total=100)
    assert len(request_stream.sent) == contexts.PROGRESS_PER_SECOND

    context.progress(100, total=100)
    assert request_stream.sent[-1][1]["progress"] == 100

    clock.now += 1
    context.progress(101, total=200)
    assert request_stream.sent[-1][1]["progress"] == 101


# Log messages


def session(level):
    return SimpleNamespace(log_level=level)


@pytest.mark.parametrize(
    ("values", "heard"),
    [
        # A handshake client that has set no level: the server decides.
        ({}, ["info", "warning", "error", "emergency"]),
        ({"session": session("")}, ["info", "warning", "error", "emergency"]),
        ({"session": session("debug")}, ["debug", "info", "warning", "error", "emergency"]),
        ({"session": session("error")}, ["error", "emergency"]),
        # A modern one hears what its request asks for, else nothing (spec 2026-07-28 server/utilities/logging).
        ({"era": "modern"}, []),
        ({"era": "modern", "session": session("debug")}, []),
        ({"era": "modern", "meta": {"io.modelcontextprotocol/logLevel": "warning"}}, ["warning", "error", "emergency"]),
        ({"era": "modern", "meta": {"io.modelcontextprotocol/logLevel": "loud"}}, []),
        ({"era": "modern", "meta": {"io.modelcontextprotocol/logLevel": 5}}, []),
    ],
)
def test_a_client_hears_log_messages_of_its_level_and_above(request_stream, values, heard):
    context = make(request_stream, **values)

    context.debug("debug")
    context.info("info")
    context.warning("warning")
    context.error("error")
    context.log("emergency", "emergency")

    assert request_stream.sent == [("notifications/message", {"level": level, "data": level}) for level in heard]


def test_a_log_message_is_anything_and_may_have_a_logger(request_stream):
    make(request_stream).log("info", {"a": [1]}, "books")

    assert request_stream.sent == [("notifications/message", {"level": "info", "data": {"a": [1]}, "logger": "books"})]


@pytest.mark.parametrize("heard", [True, False])
def test_a_level_that_there_is_not_is_the_developers_to_mend(request_stream, heard):
    with pytest.raises(ValueError, match="'loud' is no log level; the levels are debug, info"):
        make(request_stream if heard else None).log("loud", "x")


# The rest


def test_the_connection_can_be_let_go_of(request_stream):
    make(request_stream).close_stream()
    make().close_stream()

    assert request_stream.closed == 1


def test_what_an_earlier_round_brought_is_at_hand():
    context = make(inputs=Inputs({"name": {"action": "accept"}}, {"step": 2}, 1))

    assert context.answers == {"name": {"action": "accept"}}
    assert context.call_state == {"step": 2}
    assert (make().answers, make().call_state) == ({}, None)


# Extensions


@cases("capabilities", [{}, {"extensions": None}, {"extensions": {"a/b": 1}}, {"extensions": ["a/b"]}])
def test_a_client_that_declares_nothing_readable_supports_nothing(capabilities):
    context = make(client_capabilities=capabilities)

    assert not context.client_supports("a/b")
    assert context.client_extension("a/b") is None


def test_a_client_supports_the_extensions_that_it_declares():
    context = make(client_capabilities={"extensions": {"a/b": {"x": 1}}})

    assert context.client_supports("a/b")
    assert context.client_extension("a/b") == {"x": 1}
