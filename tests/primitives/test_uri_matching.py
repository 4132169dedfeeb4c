"""Any template matches as trying every way would, and in steps that grow with the length of the URI and no faster."""

import re
import sys
from re import _parser

from hypothesis import example, given
from hypothesis import strategies as st

from django_mcp.primitives.uri_templates import compile_template
from tests.tables import cases

EXPRESSIONS = ["{%s}", "{+%s}"]
paths = st.text("ab-./?#\n", max_size=12)


@st.composite
def templates(draw):
    """Templates of any form: variables beside each other, parted by texts of one or more characters, by separators."""
    literals = st.text("ab-./", max_size=2)
    count = draw(st.integers(1, 4))
    parts = [draw(st.sampled_from(EXPRESSIONS)) % f"v{number}" + draw(literals) for number in range(count)]
    return draw(literals) + "".join(parts)


def meaning(text):
    """A template as a regular expression that tries every way to match, the first variable as long as it can be."""
    pattern = re.sub(r"\\{(\\\+)?(\w+)\\}", _group, re.escape(text))
    return re.compile(pattern)


def _group(found):
    return f"(?P<{found[2]}>{'.+' if found[1] else '[^/?#]+'})"


@given(templates(), paths)
@example("{v0}-{+v1}", "a-a/b-b")
@example("{+v0}a{v1}", "aaaa/a")
@example("{v0}{+v1}{v2}", "ab/ab")
def test_matching_means_what_trying_every_way_would_mean(text, path):
    found = meaning(text).fullmatch(path)

    assert compile_template(text).match(path) == (found and found.groupdict())


@given(templates(), st.data())
def test_a_path_made_from_a_template_matches_it(text, data):
    """Random paths seldom match; these do."""
    path = re.sub(r"\{(\+?)\w+\}", lambda found: data.draw(st.text("ab-./" if found[1] else "ab-.", min_size=1)), text)

    assert compile_template(text).match(path) == meaning(text).fullmatch(path).groupdict()


@given(templates())
def test_no_regular_expression_of_a_template_ever_goes_back(text):
    pattern = compile_template(text).pattern

    if pattern is not None:
        assert operations(_parser.parse(pattern.pattern)) <= {"LITERAL", "SUBPATTERN", "POSSESSIVE_REPEAT"}


def operations(parsed):
    """The operations of a parsed expression that can be tried in more than one way, and those around them."""
    names = set()
    for operation, argument in parsed:
        names.add(str(operation))
        if str(operation) == "SUBPATTERN":
            names |= operations(argument[-1])
    return names


@cases("text", ["{a}-{b}", "{a}{b}{c}{d}{e}", "{a}-{b}-{c}-{d}-{e}-{f}", "{+a}/-{+b}--{+c}-{d}/x"])
@cases("path", ["-", "-/", "/-", "--/x"])
def test_the_steps_of_a_match_grow_with_the_length_of_the_uri_and_no_faster(text, path):
    """Steps are calls; between two of them is at most one operation on the bits of a set."""
    template = compile_template(f"a://{text}")

    assert steps(template, path * 200) * 8 >= steps(template, path * 1600) - 100


def steps(template, path):
    count = 0

    def profile(frame, event, argument):
        nonlocal count
        count += 1

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        template.match(f"a://{path}")
    finally:
        sys.setprofile(before)
    return count
