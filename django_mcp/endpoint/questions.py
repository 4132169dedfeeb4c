"""Requests of the server's to the client of a running request, in each colour: asked on the request's own stream, answered
by a POST to any process."""

from collections.abc import Mapping
from typing import Any

from django_mcp.primitives.asking import ClientCannot, ClientRefused, Question
from django_mcp.storage import client_requests


def _ask(session_pk: int, request_id: str, method: str) -> None:
    try:
        client_requests.ask(session_pk, request_id, method)
    except client_requests.TooManyClientRequests:
        raise ClientCannot("The client has too many requests to answer already.") from None


def _take_answer(session_pk: int, request_id: str) -> dict[str, Any] | None:
    alive, answer = client_requests.take_answer(session_pk, request_id)
    if not alive:
        raise ClientCannot("The session ended before the client answered.")
    return answer


def _read_answer(question: Question, answer: Mapping[str, Any]) -> Any:
    if "error" in answer:
        error = answer["error"] if isinstance(answer["error"], dict) else {}
        raise ClientRefused(f"The client answered {question.method} with an error: {error.get('message', 'unknown')}")
    return answer.get("result")


def _given_up(request_id: str, seconds: float) -> dict[str, Any]:
    return {"requestId": request_id, "reason": f"Timed out after {seconds:g} seconds"}
