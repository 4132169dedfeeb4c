"""The text about an exception that the model reads."""

from django.core.exceptions import ObjectDoesNotExist, PermissionDenied, ValidationError
from django.http import Http404
from rest_framework import exceptions as rest

from django_mcp import ToolError
from django_mcp.methods.failures import in_words
from tests.tables import cases


@cases(
    ("error", "words"),
    [
        (ToolError("Try another name"), "Try another name"),
        (ValidationError("Too short."), "- Too short."),
        (ValidationError({"name": ["Too long.", "Taken."], "__all__": ["No."]}), "- name: Too long. Taken.\n- No."),
        (PermissionDenied(), "Not allowed."),
        (PermissionDenied("It is locked."), "Not allowed: It is locked."),
        (Http404("No Group matches the given query."), "Not found: No Group matches the given query."),
        (ObjectDoesNotExist("Group matching query does not exist."), "Not found: Group matching query does not exist."),
        (rest.ValidationError({"legs": [{}, {"to": ["Unknown."]}]}), "- legs.1.to: Unknown."),
        (rest.Throttled(wait=5), "Request was throttled. Expected available in 5 seconds."),
        (rest.APIException("postgres://user:secret@db"), None),
        (ValueError("secret"), None),
    ],
)
def test_what_a_view_would_answer_with_a_status_of_the_400s_is_told_in_its_words(error, words):
    assert in_words(error) == words
