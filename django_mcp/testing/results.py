"""The result of a tool, and assertions about it that can be chained: `result.ok().sees("Home").progress(1, 2)`."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn, Self

from .transcript import Transcript, shortened

# unittest leaves frames of such modules out of tracebacks; pytest looks for __tracebackhide__ in functions.
__unittest = True

MAX_SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class Told:
    """All that came with a result: the server's questions and notifications, and the project's queries (SQL).

    `wraps`: the era knows objects only, and a server sends another value as `{"result": value}`.
    """

    questions: Sequence[Mapping[str, Any]] = ()
    notifications: Sequence[Mapping[str, Any]] = ()
    queries: Sequence[str] = ()
    transcript: Transcript = field(default_factory=Transcript)
    wraps: bool = False


@dataclass(frozen=True, slots=True)
class CallResult:
    """The result of a tool; `raw` is the whole JSON-RPC result.

    Each method is an assertion: it returns the result, or raises `AssertionError` with the conversation.
    """

    raw: dict[str, Any]
    told: Told = field(default_factory=Told, repr=False, compare=False)

    @property
    def is_error(self) -> bool:
        return bool(self.raw.get("isError"))

    @property
    def content(self) -> list[dict[str, Any]]:
        content: list[dict[str, Any]] = self.raw.get("content", [])
        return content

    @property
    def text(self) -> str:
        return "\n".join(block["text"] for block in self.content if block["type"] == "text")

    @property
    def data(self) -> Any:
        """The structured content, or None."""
        return self.raw.get("structuredContent")

    def ok(self) -> Self:
        """The tool has succeeded."""
        __tracebackhide__ = True
        if self.is_error:
            self._fail(f"The tool has failed: {shortened(self.text)}")
        if (kind := self.raw.get("resultType", "complete")) != "complete":
            self._fail(f"The tool has not ended: its result is {kind!r}.")
        return self

    def error(self, *texts: str) -> Self:
        """The tool has failed, and its text for the model has these texts in it."""
        __tracebackhide__ = True
        if not self.is_error:
            self._fail("The tool has succeeded, and should have failed.")
        return self.sees(*texts) if texts else self

    def structured(self, *expected: Any, **members: Any) -> Self:
        """The structured content equals the argument, in both eras alike; or is an object that has these members, among
        others.
        """
        __tracebackhide__ = True
        if len(expected) > 1 or bool(expected) == bool(members):
            raise TypeError("structured() takes one value, or members of an object by their names.")
        if expected:
            value = expected[0]
            wrapped = {"result": value} if self.told.wraps and not isinstance(value, Mapping) else value
            if self.data not in (value, wrapped):
                self._fail(f"The structured content is\n  {_json(self.data)}\nand not\n  {_json(value)}")
            return self
        found = self.data if isinstance(self.data, dict) else {}
        if wrong := [name for name, value in members.items() if name not in found or found[name] != value]:
            wanted = {name: members[name] for name in wrong}
            self._fail(f"The structured content is\n  {_json(self.data)}\nwithout\n  {_json(wanted)}")
        return self

    def sees(self, *texts: str) -> Self:
        """The model sees these texts: in text, embedded resources, or links."""
        __tracebackhide__ = True
        _need("sees", texts)
        seen = "\n".join(_words(self.content))
        if missing := [text for text in texts if text not in seen]:
            self._fail(f"The model does not see {missing[0]!r}. It sees: {shortened(seen)}")
        return self

    def sees_not(self, *texts: str) -> Self:
        """These texts are nowhere in the result: not in its content, and not in its structured content either."""
        __tracebackhide__ = True
        _need("sees_not", texts)
        everything = "\n".join(_strings(self.raw))
        if found := [text for text in texts if text in everything]:
            self._fail(f"The result has {found[0]!r} in it.")
        return self

    def asked(self, *texts: str, times: int | None = None) -> Self:
        """The tool has asked the client: each text is in some question, and there were so many questions."""
        __tracebackhide__ = True
        questions = ["\n".join(_strings(question)) for question in self.told.questions]
        if times is not None and len(questions) != times:
            self._fail(f"The tool asked {len(questions)} questions, and not {times}.")
        if times is None and not questions:
            self._fail("The tool asked nothing.")
        if missing := [text for text in texts if not any(text in question for question in questions)]:
            self._fail(f"The tool did not ask {missing[0]!r}.")
        return self

    def progress(self, *values: float, total: float | None = None, message: str | None = None) -> Self:
        """The tool has reported progress: these values, in this order and no others; with this total, each; and with
        this text in some message.
        """
        __tracebackhide__ = True
        said = [one["params"] for one in self.told.notifications if one["method"] == "notifications/progress"]
        reported = [one.get("progress") for one in said]
        if not said or (values and reported != list(values)):
            wanted = f", and not {_listed(values)}" if values else ""
            self._fail(f"The tool reported {f'the progress {_listed(reported)}' if said else 'no progress'}{wanted}.")
        if total is not None and (others := [one.get("total") for one in said if one.get("total") != total]):
            self._fail(f"The tool reported progress of a total of {others[0]}, and not {total}.")
        if message is not None and not any(message in one.get("message", "") for one in said):
            self._fail(f"No progress was reported with {message!r}.")
        return self

    def queries(self, count: int | None = None, *, at_most: int | None = None) -> Self:
        """The call sent so many queries to the databases. Those of the package's own tables are not counted, nor
        savepoints and the like: the number is the same in both eras and lanes.
        """
        __tracebackhide__ = True
        if (count is None) == (at_most is None):
            raise TypeError("queries() takes a number, or at_most=.")
        found = len(self.told.queries)
        if found > at_most if at_most is not None else found != count:
            limit = f"at most {at_most}" if at_most is not None else str(count)
            self._fail("\n".join([f"The call sent {found} queries, and not {limit}:", *_counted(self.told.queries)]))
        return self

    def _fail(self, text: str) -> NoReturn:
        __tracebackhide__ = True
        raise AssertionError(f"{text}\n\n{self.told.transcript}".rstrip())


def _need(name: str, texts: tuple[str, ...]) -> None:
    """Refuses an assertion that would hold whatever happens."""
    if not all(texts) or not texts:
        raise TypeError(f"{name}() takes the texts to look for, none of them empty.")


def _words(content: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    """The texts of content blocks that a model reads."""
    for block in content:
        if block["type"] == "resource_link":
            yield from (str(block[key]) for key in ("uri", "name", "title", "description") if key in block)
        else:
            yield block.get("text", "") or block.get("resource", {}).get("text", "")


def _strings(value: Any) -> Iterable[str]:
    """Each string in a JSON value, and numbers as text."""
    if isinstance(value, Mapping):
        for member in value.values():
            yield from _strings(member)
    elif isinstance(value, list | tuple):
        for entry in value:
            yield from _strings(entry)
    else:
        yield str(value)


def _counted(queries: Iterable[str]) -> list[str]:
    """The statements, with how often each was sent: the same one many times is a query for each row."""
    return [f"  {times} times: {shortened(sql)}" for sql, times in Counter(queries).most_common(MAX_SHOWN)]


def _listed(values: Iterable[Any]) -> str:
    return ", ".join(map(str, values))


def _json(value: Any) -> str:
    return shortened(json.dumps(value, ensure_ascii=False, default=repr))
