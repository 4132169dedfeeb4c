"""Answers to an elicitation: from a command's arguments, else from the person at the terminal."""

import asyncio
import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from django.core.management.base import CommandError, OutputWrapper
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from .values import pair_of, value_of

ACTIONS = ("accept", "decline", "cancel")


class Answers:
    """`given` are the texts of `--answer`: FIELD=VALUE, or one of `accept`, `decline` and `cancel`."""

    def __init__(self, given: list[str], screen: OutputWrapper) -> None:
        self._action = next((text for text in given if text in ACTIONS), None)
        self._given = dict(pair_of(text, "--answer") for text in given if text not in ACTIONS)
        self._screen = screen

    async def answer(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """The result of a question of the server's. Raises `CommandError` when nobody can answer."""
        return await asyncio.to_thread(self._answer, question["method"], question.get("params", {}))

    def _answer(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        self._say(_("The tool asks: %(question)s") % {"question": params.get("message", method)})
        if "url" in params:
            self._say(f"  {params['url']}")
        if self._action in ("decline", "cancel"):
            return {"action": self._action}
        properties = params.get("requestedSchema", {}).get("properties", {})
        if self._action == "accept" or self._given:
            return {"action": "accept", "content": self._content(properties)}
        if not sys.stdin.isatty():
            names = " ".join(f"--answer {name}=…" for name in properties) or "--answer accept"
            raise CommandError(
                _("The tool asks the user, and there is no terminal: pass %(options)s, or --answer decline.")
                % {"options": names}
            )
        return self._ask(params, properties)

    def _content(self, properties: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value_of([text], properties.get(name, {})) for name, text in self._given.items()}

    def _ask(self, params: Mapping[str, Any], properties: Mapping[str, Any]) -> dict[str, Any]:
        """The person's answer. The end of the input (Ctrl-D) cancels."""
        try:
            if "url" in params or not properties:
                return {"action": "accept" if self._agrees() else "decline"}
            required = params["requestedSchema"].get("required", [])
            return {"action": "accept", "content": dict(self._fields(properties, required))}
        except EOFError:
            return {"action": "cancel"}

    def _agrees(self) -> bool:
        answer = self._read(_("Done? [y/N] ")).lower()
        # Translators: the first letter of "yes", as in "Done? [y/N] ". "y" is taken in every language.
        return answer.startswith(("y", pgettext("answer", "y")))

    def _fields(self, properties: Mapping[str, Any], required: list[str]) -> Iterator[tuple[str, Any]]:
        for name, schema in properties.items():
            text = ""
            while not text:
                text = self._read(f"  {_prompt_of(name, schema)}: ")
                if not text and name not in required:
                    break
            if text:
                yield name, value_of([text], schema)

    def _read(self, prompt: str) -> str:
        self._say(prompt, end="")
        line = sys.stdin.readline()
        if not line:
            raise EOFError
        return line.strip()

    def _say(self, text: str, end: str = "\n") -> None:
        self._screen.write(text, style_func=str, ending=end)
        self._screen.flush()


def _prompt_of(name: str, schema: Mapping[str, Any]) -> str:
    details = [*filter(None, [schema.get("description")])]
    if schema.get("enum"):
        details.append(" | ".join(map(str, schema["enum"])))
    elif schema.get("type"):
        details.append(str(schema["type"]))
    if "default" in schema:
        details.append(_("empty: %(default)s") % {"default": json.dumps(schema["default"])})
    return f"{schema.get('title') or name} ({'; '.join(details)})" if details else name
