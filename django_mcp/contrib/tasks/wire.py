"""A task as the protocol writes it, and the answers that clients send."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from mcp_types import CreateMessageResult, ElicitResult, ListRootsResult
from pydantic import BaseModel, ValidationError

from django_mcp.protocol.errors import INVALID_PARAMS, ProtocolError

from .models import Status, Task

_RESULTS: dict[str, type[BaseModel]] = {
    "elicitation/create": ElicitResult,
    "sampling/createMessage": CreateMessageResult,
    "roots/list": ListRootsResult,
}


def fields_of(task: Task) -> dict[str, Any]:
    """The members that every message about a task has."""
    members = {
        "taskId": task.task_id,
        "status": task.status,
        "createdAt": _time(task.created_at),
        "lastUpdatedAt": _time(task.updated_at),
        "ttlMs": task.ttl_milliseconds,
        "pollIntervalMs": task.poll_milliseconds,
    }
    return members | ({"statusMessage": task.message} if task.message else {})


def state_of(task: Task) -> dict[str, Any]:
    """The answer to `tasks/get`: the members, and the result, the error, or the outstanding questions."""
    match task.status:
        case Status.COMPLETED:
            return {**fields_of(task), "result": task.result}
        case Status.FAILED:
            return {**fields_of(task), "error": task.error}
        case Status.INPUT_REQUIRED:
            return {**fields_of(task), "inputRequests": requests_of(task)}
    return fields_of(task)


def requests_of(task: Task) -> dict[str, Any]:
    """The outstanding questions, by their keys on the wire."""
    return {name: asked["request"] for name, asked in task.outstanding.items()}


def check_answers(task: Task, answers: Mapping[str, Any]) -> None:
    """Raises `ProtocolError` -32602 for an answer to an outstanding question that is none. The tool's form checks its
    content.
    """
    for name, request in requests_of(task).items():
        if name not in answers:
            continue
        try:
            _RESULTS[request["method"]].model_validate(answers[name])
        except ValidationError:
            message = f"Invalid params: inputResponses.{name} is no answer to {request['method']}"
            raise ProtocolError(INVALID_PARAMS, message) from None


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
