"""How an error becomes the outcome of a call. Whole calls are in tests/test_observers.py."""

from django.core.exceptions import ObjectDoesNotExist, PermissionDenied, ValidationError
from rest_framework import exceptions as drf

from django_mcp import BudgetExceeded, Cancelled, ProtocolError, ToolError
from django_mcp.exceptions import InvalidArguments
from django_mcp.execution.outcomes import _outcome_of, _text_of
from django_mcp.protocol.errors import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    METHOD_NOT_FOUND,
    Closed,
    InsufficientScope,
    TooManyCalls,
)
from tests.tables import cases


@cases(
    ("error", "outcome", "text"),
    [
        (ToolError("No seat"), "tool_error", "No seat"),
        (ObjectDoesNotExist("No row"), "tool_error", "Not found: No row"),
        (InvalidArguments("a: missing"), "invalid", "a: missing"),
        (ValidationError("Too long"), "invalid", "- Too long"),
        (drf.ValidationError("Too long"), "invalid", "- Too long"),
        (drf.NotFound(), "tool_error", "Not found."),
        (PermissionDenied(), "forbidden", "Not allowed."),
        (drf.NotAuthenticated("Sign in"), "forbidden", "Sign in"),
        (InsufficientScope(["read"]), "forbidden", "Insufficient scope: read is required"),
        (drf.Throttled(), "throttled", "Request was throttled."),
        (Closed("Closed for lunch"), "forbidden", "Closed for lunch"),
        (TooManyCalls(4), "throttled", "Too many calls: wait 4 seconds"),
        (BudgetExceeded("2 queries"), "over_budget", "2 queries"),
        (Cancelled(), "cancelled", ""),
        (ProtocolError(INVALID_PARAMS, "No"), "invalid", "No"),
        (ProtocolError(METHOD_NOT_FOUND, "No"), "unknown", "No"),
        (ProtocolError(INTERNAL_ERROR, "No"), "failed", "No"),
        (drf.APIException("a secret"), "failed", "APIException"),
        (KeyError("a secret"), "failed", "KeyError"),
        (ToolError("x" * 5000), "tool_error", "x" * 4000),
    ],
)
def test_the_outcome_and_the_text_follow_from_the_error(error, outcome, text):
    assert (_outcome_of(error, "ok"), _text_of(error)) == (outcome, text)


def test_the_text_of_an_unexpected_error_is_its_place():
    try:
        raise KeyError("a secret")
    except KeyError as error:
        text = _text_of(error)

    assert text.startswith("KeyError in test_the_text_of_an_unexpected_error_is_its_place, line ")


def test_an_outcome_that_a_method_noted_counts():
    assert _outcome_of(ProtocolError(INVALID_PARAMS, "Unknown tool: x"), "forbidden") == "forbidden"
