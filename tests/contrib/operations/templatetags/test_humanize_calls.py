from datetime import timedelta
from types import SimpleNamespace

from django.utils import timezone

from django_mcp.contrib.operations.templatetags.humanize_calls import error_share, grouped, milliseconds, short_age
from tests.tables import cases


@cases(("seconds", "text"), [(None, "-"), (0.0123, "12.3 ms"), (0.5, "500 ms"), (1.25, "1.2 s"), (60, "60.0 s")])
def test_a_duration_is_short(seconds, text):
    assert milliseconds(seconds) == text


@cases(("calls", "errors", "text"), [(0, 0, "-"), (4, 0, "0 %"), (4, 1, "25 %"), (1000, 3, "0.3 %"), (4, 4, "100 %")])
def test_a_share_is_a_percentage(calls, errors, text):
    assert error_share(SimpleNamespace(calls=calls, errors=errors)) == text


@cases(("seconds", "text"), [(-5, "0 s"), (5, "5 s"), (180, "3 min"), (7200, "2 h"), (864_000, "10 d")])
def test_an_age_is_short(seconds, text):
    assert short_age(timezone.now() - timedelta(seconds=seconds)) == text


def test_large_numbers_have_commas():
    assert grouped(1234567) == "1,234,567"
