"""A conversation between a test's client and a server, for people to read when an assertion fails."""

import json
from collections import deque
from collections.abc import Mapping
from typing import Any, Final, Literal

Arrow = Literal["→", "←", "  ←", "  →"]

MAX_LINES: Final = 40
MAX_LENGTH: Final = 600
"""Of a line, in characters: a whole transcript fits on a few screens."""

LEFT_OUT: Final = ("_meta", "requestState", "resultType")
"""Members of parameters and results that are the protocol's, and the same each time."""


class Transcript:
    """The last lines of a conversation: `→` is the client's, `←` is the server's; questions are indented."""

    def __init__(self, title: str = "") -> None:
        self._title = title
        self._lines: deque[str] = deque(maxlen=MAX_LINES)
        self._dropped = 0

    def note(self, arrow: Arrow, text: str, value: Any = None) -> None:
        self._dropped += len(self._lines) == MAX_LINES
        self._lines.append(shortened(" ".join(part for part in (arrow, text, _as_text(value)) if part)))

    def note_message(self, arrow: Arrow, message: Mapping[str, Any]) -> None:
        """A request, a notification or a response."""
        if "method" in message:
            self.note(arrow, str(message["method"]), _without(message.get("params")))
        elif "error" in message:
            self.note(arrow, "error", message["error"])
        else:
            self.note(arrow, "", _without(message.get("result")))

    def __str__(self) -> str:
        dropped = [f"… {self._dropped} lines before"] if self._dropped else []
        return "\n".join([f"The conversation with {self._title}:", *dropped, *self._lines]) if self._lines else ""


def shortened(text: str) -> str:
    if len(text) <= MAX_LENGTH:
        return text
    return f"{text[:MAX_LENGTH]}… ({len(text) - MAX_LENGTH} more characters)"


def _without(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    return {key: member for key, member in value.items() if key not in LEFT_OUT} or None


def _as_text(value: Any) -> str:
    return "" if value is None else json.dumps(value, ensure_ascii=False, default=repr)
