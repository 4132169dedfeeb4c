"""Plots: valid SVG, whatever the numbers and the names are."""

from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

from django_mcp.contrib.operations.plots import Series, bars, lines, nice, number
from tests.tables import cases

TIMES = [datetime(2026, 11, 29, 3, tzinfo=UTC) + timedelta(minutes=minute) for minute in range(60)]


def shapes(plot, tag):
    return [one for one in ElementTree.fromstring(plot).iter() if one.tag == tag]


def test_bars_are_stacked_and_say_their_numbers():
    good, bad = Series("answered", "good", [8] * 60), Series("errors", "bad", [0] * 59 + [2])
    plot = bars("Calls", TIMES, [good, bad])

    drawn = shapes(plot, "rect")
    assert len(drawn) == 61
    below, above = drawn[-2:]
    assert float(above.get("y")) + float(above.get("height")) == float(below.get("y"))
    assert above.find("title").text == "11-29 03:59: 2 errors"


def test_a_line_has_gaps_where_nothing_was():
    plot = lines("Latency", TIMES[:5], [Series("p50", "good", [1, 2, None, None, 3])])
    (line,) = shapes(plot, "path")
    assert line.get("d").count("M") == 2


@cases("values", [[], [0] * 60, [None] * 60, [1e12] * 60, [0.0001] * 60])
def test_odd_numbers_are_drawn(values):
    times = TIMES[: len(values)]
    for plot in (bars("x", times, [Series("a", "good", values)]), lines("x", times, [Series("a", "good", values)])):
        assert "nan" not in plot
        assert "e+" not in "".join(one.get("y", "") for one in shapes(plot, "rect"))


def test_names_are_escaped():
    plot = bars("<b>", TIMES[:1], [Series("<script>", "good", [1])])
    assert "<script>" not in plot
    assert "<b>" not in plot


@cases(
    ("value", "step"), [(0, 1), (0.3, 0.5), (1, 1), (3, 5), (10, 10), (11, 20), (99, 100), (1234, 2000), (5001, 10000)]
)
def test_the_step_of_an_axis_is_a_round_number(value, step):
    assert nice(value) == step


@cases(("most", "ticks"), [(0, "01234"), (3, "01234"), (21, "010203040")])
def test_an_axis_of_calls_has_no_halves(most, ticks):
    plot = bars("Calls", TIMES[:1], [Series("answered", "good", [most])])
    assert "".join(one.text for one in shapes(plot, "text") if one.get("class") == "y") == ticks


@cases(("value", "text"), [(0, "0"), (0.25, "0.25"), (1500, "1.5k"), (20_000_000, "20M")])
def test_numbers_of_an_axis_are_short(value, text):
    assert number(value) == text
