from __future__ import annotations

from testproject.airports.folding import fold
from tests.tables import cases


@cases(
    ("text", "words"),
    [
        ("São Paulo", ["sao", "paulo"]),
        ("SIGLUFJÖRÐUR", ["siglufjordur"]),
        ("Chicago O'Hare", ["chicago", "ohare"]),
        ("O\u2019Hare", ["ohare"]),
        ("Nabern/Teck, Baden-Württemberg", ["nabern", "teck", "baden", "wurttemberg"]),
        ("Łódź", ["lodz"]),
        ("  ", []),
    ],
)
def test_words_lose_case_accents_and_punctuation(text: str, words: list[str]) -> None:
    assert fold(text) == words


def test_what_no_database_stores_is_left_out() -> None:
    assert fold("Lon\x00don \ud800 %") == ["lon", "don"]


def test_only_the_beginning_of_a_long_text_is_read() -> None:
    assert len(fold("a " * 100_000)) == 125
