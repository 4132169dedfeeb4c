"""Middleware around a function: the order, and what it can do to a value."""

import pytest

from django_mcp.primitives.middleware import Invocation, wrap


def make(*middleware, is_async=False):
    invocation = Invocation(None, "tools/call", "t", {})

    def function(value):
        return [value]

    async def coroutine(value):
        return [value]

    called = coroutine if is_async else function
    return wrap(called, is_async=is_async, middleware=middleware, invocation=invocation), invocation


def note(order, name):
    def middleware(invocation):
        order.append(f"{name} before")
        yield
        order.append(f"{name} after")

    return middleware


def test_the_first_is_outermost():
    order = []
    call, invocation = make(note(order, "first"), note(order, "second"))

    assert call("x") == ["x"] == invocation.value
    assert order == ["first before", "second before", "second after", "first after"]


async def test_a_coroutine_is_wrapped_by_the_same():
    order = []
    call, _ = make(note(order, "only"), is_async=True)

    assert await call("x") == ["x"]
    assert order == ["only before", "only after"]


def test_who_answers_before_keeps_the_function_from_being_called():
    def cache(invocation):
        invocation.answer("kept")
        yield

    call, _ = make(cache)
    assert call() == "kept"


def test_an_exception_arrives_and_may_be_turned_into_an_answer():
    def rescue(invocation):
        try:
            yield
        except TypeError:
            invocation.answer("rescued")

    call, _ = make(rescue)
    assert call() == "rescued"


def test_an_exception_that_nobody_rescues_goes_on():
    order = []
    call, _ = make(note(order, "only"))

    with pytest.raises(TypeError):
        call()
    assert order == ["only before"]
