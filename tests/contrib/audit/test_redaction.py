"""Secrets are taken out of arguments, and the rest is cut."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_mcp.conf import Settings
from django_mcp.contrib.audit.redaction import REDACTED, Redaction, is_secret
from django_mcp.models import to_json_text
from django_mcp.primitives.sensitive import ALL
from tests.tables import cases

WORDS = tuple(Settings.AUDIT_REDACT)


def redaction(*sensitive, characters=1000, words=WORDS):
    return Redaction(frozenset(sensitive), words, characters)


@cases(
    ("name", "secret"),
    [
        *[(name, True) for name in ("password", "new_password", "userPassword1", "PASSWORD", "x-api-key", "apiKey")],
        *[(name, True) for name in ("APIKey", "apikey", "token", "csrf_token", "accessToken", "client_secret", "pin")],
        *[(name, True) for name in ("Authorization", "card_number", "cardNumber", "otp", "OTP", "session-id")],
        *[(name, False) for name in ("shipping", "max_tokens", "author", "name", "opinion", "", "…", "keyboard")],
    ],
)
def test_a_name_says_whether_its_value_is_secret(name, secret):
    assert is_secret(name, WORDS) is secret


def test_a_word_may_be_of_any_script():
    assert is_secret("Мой Пароль", ("пароль",))
    assert not is_secret("имя", ("пароль",))


def test_secrets_are_taken_out_at_any_depth_and_out_of_texts():
    one = redaction("salary")
    kept = one.kept({"user": [{"password": "hunter2", "salary": 12345, "age": 7}], "token": {"a": ["deep", None]}})

    assert kept == {"user": [{"password": "[redacted]", "salary": "[redacted]", "age": 7}], "token": "[redacted]"}
    assert one.scrub("hunter2, 12345 and deep are 7") == "[redacted], [redacted] and [redacted] are 7"


def test_a_secret_is_taken_out_of_texts_that_repeat_it_with_escapes():
    secret = 'line "1"\nlíne \\2'
    one = redaction()
    one.kept({"private_key": secret})

    for repeated in (secret, repr(secret), json.dumps(secret), json.dumps(secret, ensure_ascii=False)):
        assert one.scrub(f"bad key {repeated}").replace("'", "").replace('"', "") == "bad key [redacted]"


def test_the_keys_of_a_secret_are_secret_after_all_of_its_values():
    one = redaction("codes")
    one.kept({"codes": {f"key-{number:02}": f"value-{number:02}" for number in range(15)}})

    assert one.scrub("codes.key-14: no") == "codes.[redacted]: no"
    assert all(one.scrub(f"value-{number:02}") == "[redacted]" for number in range(15))


@cases(
    ("text", "is_kept"),
    [
        ('{"number": "4111", "name": "Ada"}', False),
        (' [{"card": {"Number" : "x", "api_key": 1}}]', False),
        ('{"card": "{\\"number\\": \\"4111\\"}"}', False),
        ('{"number": "4111", broken', False),
        ('{"name": "Ada", "numbers": 2}', True),
        ('The "number": 4111', True),
    ],
)
def test_an_object_that_is_sent_as_text_is_left_out_whole_with_a_secret_in_it(text, is_kept):
    one = redaction("number", words=("api_key",))

    assert one.kept({"card": text}) == {"card": text if is_kept else REDACTED}
    assert one.scrub(f"Input was {text}") == f"Input was {text if is_kept else REDACTED}"


def test_secrets_that_are_parts_of_others_neither_show_nor_multiply_them():
    one = redaction()
    one.kept({"password": ["abcd", "abcdefgh", "cted", "[red"] + ["[red", "cted"] * 8})

    assert one.scrub("abcdefgh [red") == "[redacted] [redacted]"


def test_a_uri_of_many_delimiters_is_read_once():
    uri = "x:=" + "?" * 1_000_000

    assert redaction().uri(uri) == uri


def test_all_arguments_may_be_secret():
    assert Redaction(ALL, (), 1000).kept({"a": 1, "b": "x"}) == {"a": "[redacted]", "b": "[redacted]"}


@cases(
    ("uri", "kept"),
    [
        ("file:///a/b", "file:///a/b"),
        ("https://u:pw@h/a?x=1&api_key=abc#f", "https://u:[redacted]@h/a?x=1&api_key=[redacted]#f"),
        ("x://a?pass%77ord=abc", "x://a?pass%77ord=[redacted]"),
        ("x://a?b?token=abc", "x://a?b?token=[redacted]"),
    ],
)
def test_a_uri_loses_its_password_and_the_secrets_of_its_query(uri, kept):
    assert redaction().uri(uri) == kept


@cases(
    ("value", "kept"),
    [
        ("x" * 50, "x" * 20 + "… (50 characters)"),
        (["x" * 15, "y" * 15, "z"], ["x" * 15, "y… (15 characters)", "… (1 more)"]),
        ({"a": "x" * 30, "b": 1, "c": 2}, {"a": "x" * 15 + "… (30 characters)", "…": "2 more"}),
        (10**40, "…"),
        (True, True),
        (object(), "object"),
    ],
)
def test_a_value_is_cut(value, kept):
    assert redaction(characters=20).kept(value) == kept


def test_a_deep_or_large_value_costs_what_is_kept():
    deep = value = {}
    for _ in range(5000):
        value["a"] = value = {}
    text = to_json_text(redaction().kept(deep))
    assert len(text) < 200

    assert len(to_json_text(redaction().kept({str(number): "x" * 100 for number in range(100_000)}))) < 2000
    assert len(to_json_text(redaction().kept({"a" * 4_000_000: "b" * 4_000_000}))) < 2000


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@pytest.mark.fuzz
@given(JSON)
def test_whatever_was_sent_becomes_ascii_json(value):
    text = to_json_text(redaction().kept(value))

    assert text.isascii()
    json.loads(text)
