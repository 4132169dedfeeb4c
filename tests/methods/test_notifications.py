"""The effects of notifications and responses: cancellations and answers, and nothing else."""

from django_mcp.methods.effects import CancelRequest, KeepAnswer
from django_mcp.methods.notifications import effect_of
from tests import wire
from tests.tables import cases

CANCELLED = "notifications/cancelled"


def cancellation(params):
    return {"jsonrpc": "2.0", "method": CANCELLED, "params": params}


@cases("request_id", [1, 0, -7, 2**62, "1", "", "é🛫\0", "x" * 255])
@cases("more", [{}, {"reason": "the user changed their mind"}, {"reason": 5}, {"_meta": {}}])
def test_a_cancellation_stops_the_request_that_it_names(request_id, more):
    message = cancellation({"requestId": request_id, **more})

    assert effect_of("notification", message) == CancelRequest(request_id)


@cases(
    "message",
    [
        {"jsonrpc": "2.0", "method": CANCELLED},
        cancellation(None),
        cancellation({}),
        cancellation({"reason": "why not"}),
        *[cancellation({"requestId": value}) for value in (None, True, 1.0, [1], {"id": 1}, 2**63, "x" * 256)],
    ],
)
def test_a_malformed_cancellation_is_passed_over(message):
    """Spec 2025-11-25 basic/utilities/cancellation."""
    assert effect_of("notification", message) is None


@cases("method", ["notifications/initialized", "notifications/roots/list_changed", "notifications/progress", "x", ""])
@cases("params", [None, {}, {"requestId": 1}])
def test_other_notifications_bring_about_nothing(method, params):
    message = {"jsonrpc": "2.0", "method": method, "params": params}

    assert effect_of("notification", message) is None


@cases(
    "message",
    [
        wire.answer({"roots": []}, "server-1"),
        wire.answer(None, 1),
        wire.error(-32601, "Method not found", "server-1"),
    ],
)
def test_a_response_is_kept_whole(message):
    assert effect_of("response", message) == KeepAnswer(message["id"], message)
