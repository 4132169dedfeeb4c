"""The head of a SKILL.md: read as every client reads it, or refused."""

import pytest
import yaml
from django.core.exceptions import ImproperlyConfigured

from django_mcp.contrib.skills import frontmatter
from tests.tables import cases

HEAD = "name: refund-order\ndescription: How to refund\n"


def test_it_is_json_and_unchanged():
    metadata = "{level: 3, price: 1.5, beta: true, none: ~, tags: [a, b]}"
    text = f"---\r\n{HEAD}license: 'no'\nmetadata: {metadata}\n---\r\nBody\n---\n"

    assert frontmatter.read(text, "x") == {
        "name": "refund-order",
        "description": "How to refund",
        "license": "no",
        "metadata": {"level": 3, "price": 1.5, "beta": True, "none": None, "tags": ["a", "b"]},
    }


@cases(
    ("text", "said"),
    [
        ("# No head\n", "begin it with frontmatter"),
        (f"---\n{HEAD}", "begin it with frontmatter"),
        (f" ---\n{HEAD}---\n", "begin it with frontmatter"),
        ("---\n- a\n---\n", "no mapping"),
        ("---\n---\n", "no mapping"),
        ("---\nname: [\n---\n", "no YAML"),
        (f"---\n{HEAD}a: {'[' * 5000}\n---\n", "no YAML"),
        (f"---\n{HEAD}name: other\n---\n", "'name' twice"),
        (f"---\n{HEAD}a: &x [1]\nb: *x\n---\n", "alias or a tag"),
        (f"---\n{HEAD}a: !!python/object/apply:os.getcwd []\n---\n", "alias or a tag"),
        (f"---\n{HEAD}1: a\n---\n", "the key 1"),
        (f"---\n{HEAD}<<: {{a: b}}\n---\n", "'<<'"),
        ("---\nname: Refund\ndescription: x\n---\n", "no name of a skill"),
        ("---\nname: a--b\ndescription: x\n---\n", "no name of a skill"),
        ("---\nname: -a\ndescription: x\n---\n", "no name of a skill"),
        (f"---\nname: {'a' * 65}\ndescription: x\n---\n", "no name of a skill"),
        ("---\nname: 12\ndescription: x\n---\n", "no name of a skill"),
        ("---\nname: a\n---\n", "give it a description"),
        ("---\nname: a\ndescription: ' '\n---\n", "give it a description"),
        (f"---\nname: a\ndescription: {'x' * 1025}\n---\n", "longer than 1024"),
        (f"---\n{HEAD}metadata: {{io.modelcontextprotocol/x: 1}}\n---\n", "the protocol's own"),
    ],
)
def test_a_head_that_breaks_a_rule_is_refused(text, said):
    with pytest.raises(ImproperlyConfigured, match=r"^SKILL: ") as error:
        frontmatter.read(text, "SKILL")
    assert said in str(error.value)


@cases(
    "value",
    ["yes", "On", "010", "0x1F", "0o7", "1e3", "1_000", "12:30", "2026-11-29", ".nan", "-.inf", "1.0e+999", "9" * 30],
)
def test_a_value_that_clients_read_in_different_ways_is_refused(value):
    with pytest.raises(ImproperlyConfigured, match="in different ways: put it in quotes"):
        frontmatter.read(f"---\n{HEAD}a: {value}\n---\n", "x")
    assert frontmatter.read(f"---\n{HEAD}a: '{value}'\n---\n", "x")["a"] == value


@cases("text", ["How: \"to\" 'refund' # \\ {a} é 🙂 - [x]", "- a", "yes", "12:30", "a\u2028b\nc\x85\x00d"])
def test_a_written_head_is_read_as_the_same(text):
    members = {"name": "a", "description": frontmatter.one_line(text)}
    written = frontmatter.write(members)

    assert frontmatter.read(written, "x") == members == yaml.safe_load(written.split("---")[1])
