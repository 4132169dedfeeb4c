from urllib.parse import quote

import pytest
from django.core.exceptions import ImproperlyConfigured
from hypothesis import given
from hypothesis import strategies as st

from django_mcp.primitives.uri_templates import MAX_LENGTH, compile_template, is_template
from tests.tables import cases


@cases(
    ("text", "uri", "variables"),
    [
        ("a://{b}", "a://c", {"b": "c"}),
        ("a://{b}/x", "a://c/x", {"b": "c"}),
        ("a://{b}/{c}", "a://1/2", {"b": "1", "c": "2"}),
        ("a://{b}{c}", "a://xyz", {"b": "xy", "c": "z"}),
        ("a://{b}.{c}", "a://file.tar.gz", {"b": "file.tar", "c": "gz"}),
        ("a://{year}-{month}-{day}", "a://2026-07-28", {"year": "2026", "month": "07", "day": "28"}),
        ("a://{+path}", "a://1/2/3", {"path": "1/2/3"}),
        ("a://{+path}/{name}", "a://1/2/3", {"path": "1/2", "name": "3"}),
        ("a://{+path}", "a://1?b=c#d", {"path": "1?b=c#d"}),
        ("a://{b}-{+c}", "a://x-y/z-w", {"b": "x", "c": "y/z-w"}),
        ("a://{b}-{c}-{d}-{e}", "a://1-2-3-4-5", {"b": "1-2", "c": "3", "d": "4", "e": "5"}),
        ("a://b{?c,d}", "a://b", {}),
        ("a://b{?c,d}", "a://b?", {}),
        ("a://b{?c,d}", "a://b?d=1", {"d": "1"}),
        ("a://b{?c,d}", "a://b?d=1&c=2&e=3", {"c": "2", "d": "1"}),
        ("a://b{?c}", "a://b?c=", {"c": ""}),
        ("a://b{?c}", "a://b?c=1&c=2", {"c": "2"}),
        ("a://{b}{?c}", "a://x?c=y", {"b": "x", "c": "y"}),
        ("a://{b}", "a://Z%C3%BCrich", {"b": "Zürich"}),
        ("a://{b}", "a://1%2F2", {"b": "1/2"}),
        ("a://{b}", "a://..%2F..%2Fetc", {"b": "../../etc"}),
        ("a://{b}", "a://%zz", {"b": "%zz"}),
        ("a://{b}", "a://%ff", {"b": "\ufffd"}),
        ("a://{b}", "a://Zürich", {"b": "Zürich"}),
        ("a+b://x.y/{c}", "a+b://x.y/1", {"c": "1"}),
        ("a://b{?c}", "a://b?c=1+2%2B3", {"c": "1 2+3"}),
    ],
)
def test_a_uri_gives_its_variables_decoded(text, uri, variables):
    assert compile_template(text).match(uri) == variables


@cases(
    ("text", "uri"),
    [
        ("a://{b}", "a://"),
        ("a://{b}", "a://1/2"),
        ("a://{b}", "a://1?c=d"),
        ("a://{b}", "a://1#c"),
        ("a://{b}", "A://1"),
        ("a://{b}", "xa://1"),
        ("a://{b}/x", "a://1/y"),
        ("a://x.y/{b}", "a://xzy/1"),
        ("a://{+b}", "a://"),
        ("a://{+b}", "a://1\n2"),
        ("a://{+b}-{c}", "a://1\n2-3"),
        ("a://{b}-{c}", "a://-1-"),
        ("a://{b}-{c}/x", "a://1-2/3-4/x"),
        ("a://b{?c}", "a://bb?c=1"),
        ("a://{b}", "a://" + "1" * MAX_LENGTH),
    ],
)
def test_another_uri_gives_none(text, uri):
    assert compile_template(text).match(uri) is None


@given(st.text(min_size=1, max_size=50).filter(lambda text: "\ufffd" not in text))
def test_every_value_can_be_encoded_into_a_uri(value):
    encoded = quote(value, safe="", errors="replace")

    assert compile_template("a://{b}").match(f"a://{encoded}") == {"b": value}


@cases(
    ("text", "variables", "query"),
    [
        ("a://{b}", ("b",), ()),
        ("a://{c}/{b}{?e,d}", ("c", "b", "e", "d"), ("e", "d")),
        ("a://{+_b1}", ("_b1",), ()),
    ],
)
def test_variables_are_in_the_order_in_which_they_stand(text, variables, query):
    template = compile_template(text)

    assert (template.text, template.variables, template.query) == (text, variables, query)


@cases(("uri", "expected"), [("a://{b}", True), ("a://b", False), ("a://b}", False), ("a://{", True)])
def test_a_brace_makes_a_template(uri, expected):
    assert is_template(uri) is expected


@cases(
    "text",
    [
        "a://{}",
        "a://{b c}",
        "a://{1b}",
        "a://{b-c}",
        "a://{b,c}",
        "a://{b*}",
        "a://{b:3}",
        "a://{/b}",
        "a://{#b}",
        "a://{.b}",
        "a://{;b}",
        "a://{&b}",
        "a://{?b}/c",
        "a://{?}",
        "a://{+b,c}",
        "a://{b}/{b}",
        "a://{b}{?b}",
        "a://{b",
        "a://{b}/{c",
        "a://{b{c}}",
        "a://{b}}",
    ],
)
def test_what_cannot_be_matched_backwards_is_no_template(text):
    with pytest.raises(ImproperlyConfigured, match="URI template"):
        compile_template(text)
