"""A live session during one request, with the developer's own state in it.

Every function is synchronous, and runs its own transaction.
"""

import json
from dataclasses import dataclass, field
from typing import Any

from django.db import connections, transaction
from django.db.models import F

from django_mcp.models import (
    Session,
    SessionQuerySet,
    to_json_text,
)

from .database import alias


@dataclass(slots=True)
class SessionState:
    """A live session during one request. Its JSON is parsed only on access."""

    pk: int
    session_id: str = field(repr=False)
    server: str
    principal: str
    user_id: Any
    protocol_version: str
    log_level: str
    client_info_text: str = field(repr=False)
    client_capabilities_text: str = field(repr=False)
    state_text: str = field(repr=False)
    needs_touch: bool = False
    has_request: bool = False
    _client_info: dict[str, Any] | None = field(default=None, init=False, repr=False, compare=False)
    _client_capabilities: dict[str, Any] | None = field(default=None, init=False, repr=False, compare=False)
    _state: dict[str, Any] | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def client_info(self) -> dict[str, Any]:
        if self._client_info is None:
            self._client_info = json.loads(self.client_info_text)
        return self._client_info

    @property
    def client_capabilities(self) -> dict[str, Any]:
        if self._client_capabilities is None:
            self._client_capabilities = json.loads(self.client_capabilities_text)
        return self._client_capabilities

    @property
    def state(self) -> dict[str, Any]:
        """The developer's own state: change it in place, or assign another dict. save_state() writes the
        differences.
        """
        if self._state is None:
            self._state = json.loads(self.state_text)
        return self._state

    @state.setter
    def state(self, value: dict[str, Any]) -> None:
        self._state = value

    @property
    def has_loaded_state(self) -> bool:
        """Whether the state was read, and so may have been changed."""
        return self._state is not None

    def discard_changes(self) -> None:
        """Restores the state as it was read."""
        self._state = None

    def state_changes(self) -> tuple[dict[str, Any], set[str]]:
        """The top-level keys that were set since it was read, with their values, and those that were removed.

        Raises TypeError for a state that is not JSON.
        """
        if self._state is None:
            return {}, set()
        before = {key: to_json_text(value) for key, value in json.loads(self.state_text).items()}
        after = {key: _state_text(key, value) for key, value in self._state.items()}
        return {key: self._state[key] for key in after if after[key] != before.get(key)}, before.keys() - after.keys()


def _state_text(key: object, value: Any) -> str:
    if not isinstance(key, str):
        raise TypeError(f"Session state is a JSON object, its keys are strings: {key!r} is not one.")
    try:
        return to_json_text(value)
    except (TypeError, ValueError) as error:
        raise TypeError(f"Session state is JSON, and state[{key!r}] is not: {error}") from error


def save_state(session: SessionState) -> None:
    """Writes the changes of `session.state`, each top-level key separately, and updates the other keys from the row.

    Of two calls at the same time that change different keys, both changes are kept; of two that change the same key,
    the later one. Makes no query when nothing has changed; writes nothing for a session whose row is deleted. Raises
    TypeError for values that are not JSON.
    """
    changed, removed = session.state_changes()
    if not changed and not removed:
        return
    database = alias()
    row = Session.objects.using(database).filter(pk=session.pk)
    with transaction.atomic(using=database):
        stored = _locked_state(row, database)
        if stored is None:
            return
        merged = {key: value for key, value in stored.items() if key not in removed} | changed
        row.update(state=merged)
    session.state_text = to_json_text(merged)
    session.state.clear()
    session.state.update(merged)


def _locked_state(row: SessionQuerySet, database: str) -> dict[str, Any] | None:
    """The state in the row, locked for this transaction; None when there is no row."""
    if not connections[database].features.has_select_for_update:
        # SQLite cannot lock a row. A transaction that begins with a write waits its turn; one that begins with a read
        # fails if another writes meanwhile.
        row.update(state=F("state"))
    return row.select_for_update().values_list("state", flat=True).first()
