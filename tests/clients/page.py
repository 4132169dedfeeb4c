"""The table of docs/clients.md, from the facts in `measured/`: `python -m tests.clients.page` writes it."""

import json
import re
from datetime import date
from pathlib import Path
from typing import Any

from tests.clients.matrix import CLIENTS

MEASURED = Path(__file__).parent / "measured"
PAGE = Path(__file__).parents[2] / "docs" / "clients.md"
TABLE = re.compile(r"^Measured [^\n]*\n\n\| Client \|.*?\n(?=\n)", re.DOTALL | re.MULTILINE)

SOMETIMES = "sometimes"
"""Written by hand into `measured/` in the place of a word, for a client that does not do the same each time."""
COLUMNS = (
    ("Resources", "read"),
    ("Prompts", "prompt"),
    ("Elicitation", "elicitation"),
    ("Progress", "progress"),
    ("Changes of lists", "changes"),
    ("When the server restarts", "restart"),
    ("When its session is gone (404)", "session ended"),
)
IN_WORDS = {
    ("elicitation", "error"): "an error",
    ("session ended", "error"): "an error, each time",
}


def measured(key: str) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads((MEASURED / f"{key}.json").read_text())
    return facts


def keep(key: str, facts: dict[str, Any]) -> None:
    MEASURED.mkdir(exist_ok=True)
    known = measured(key) if (MEASURED / f"{key}.json").exists() else {}
    facts = {**facts, **{name: SOMETIMES for name, word in known.items() if word == SOMETIMES}}
    (MEASURED / f"{key}.json").write_text(json.dumps(facts, indent=2) + "\n")


def table() -> str:
    facts = {key: measured(key) for key in CLIENTS}
    days = sorted({date.fromisoformat(found["measured"]) for found in facts.values()})
    when = " to ".join(in_words(day) for day in {days[0]: 0, days[-1]: 0})
    titles = ["Client", "Era", *(title for title, _ in COLUMNS)]
    lines = [titles, ["---"] * len(titles), *(row(key, found) for key, found in facts.items())]
    return f"Measured {when}:\n\n" + "".join(f"| {' | '.join(cells)} |\n" for cells in lines).replace(
        "| " + " | ".join(["---"] * len(titles)) + " |", "|" + "---|" * len(titles)
    )


def row(key: str, facts: dict[str, Any]) -> list[str]:
    return [
        CLIENTS[key].name.format(facts["version"]),
        facts["era"],
        *(cell(behaviour, facts) for _, behaviour in COLUMNS),
    ]


def cell(behaviour: str, facts: dict[str, Any]) -> str:
    if behaviour == "changes" and facts["changes"] == "yes" and facts["changes after a restart"] != "yes":
        return "until a restart" if facts["changes after a restart"] == "no" else "yes, after a restart not always"
    return IN_WORDS.get((behaviour, facts[behaviour]), str(facts[behaviour]))


def in_words(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


if __name__ == "__main__":
    PAGE.write_text(TABLE.sub(lambda _: table(), PAGE.read_text(), count=1))
