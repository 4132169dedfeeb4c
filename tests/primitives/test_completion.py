import functools

import pytest
from django.core.exceptions import ImproperlyConfigured

from django_mcp.primitives.completion import read_completers
from tests.tables import cases

FILLED = {"country": "GB"}
CONTEXT = object()


def plain(value):
    return [value]


def whole(value, arguments, ctx):
    return [value, arguments, ctx]


def turned(value, ctx, arguments):
    return [value, arguments, ctx]


async def slow(value, arguments=None):
    return [value, arguments]


class Callable:
    async def __call__(self, value, ctx):
        return [value, ctx]


@cases(
    ("function", "is_async", "kwargs"),
    [
        (plain, False, {}),
        (whole, False, {"arguments": FILLED, "ctx": CONTEXT}),
        (turned, False, {"arguments": FILLED, "ctx": CONTEXT}),
        (lambda text, ctx: [], False, {"ctx": CONTEXT}),
        (slow, True, {"arguments": FILLED}),
        (functools.partial(slow), True, {"arguments": FILLED}),
        (Callable(), True, {"ctx": CONTEXT}),
    ],
)
def test_a_completer_is_given_the_text_and_by_name_what_it_asks_for(function, is_async, kwargs):
    completer = read_completers({"code": function}, ("code",), "Prompt")["code"]

    assert (completer.function, completer.is_async) == (function, is_async)
    assert completer.bind("L", FILLED, CONTEXT) == (("L",), kwargs)


def test_there_may_be_none():
    assert read_completers(None, ("code",), "Prompt") == {}
    assert read_completers({}, (), "Prompt") == {}


@cases(
    ("functions", "message"),
    [
        ({"other": plain}, r"^Prompt 'x': complete= names 'other', and the arguments are \['code'\]"),
        (
            {"code": lambda value, context: []},
            r"takes the value, then 'arguments' and 'ctx' .*, not \['value', 'context'\]",
        ),
        ({"code": lambda: []}, "takes the value"),
    ],
)
def test_a_completer_that_could_not_be_called_is_refused_at_start_up(functions, message):
    with pytest.raises(ImproperlyConfigured, match=message):
        read_completers(functions, ("code",), "Prompt 'x'")
