"""Tables that are run as one test."""

import inspect
import logging

import pytest
from django.contrib.auth.models import Group

from tests.tables import cases


def test_every_row_is_tried_and_each_that_fails_is_named():
    tried = []

    @cases(("given", "expected"), [(1, 1), (1, 2), pytest.param(3, 4, id="three and four"), (5, 5)])
    def same(given, expected):
        tried.append(given)
        assert given == expected

    with pytest.raises(BaseExceptionGroup) as failed:
        same()

    assert tried == [1, 1, 3, 5]
    assert failed.value.message == "2 of 4 rows failed"
    assert [error.__notes__ for error in failed.value.exceptions] == [
        ["The row: {'given': 1, 'expected': 2}"],
        ["The row: three and four"],
    ]


def test_what_should_have_been_raised_fails_its_row():
    @cases("text", ["1", "x"])
    def refused(text):
        with pytest.raises(ValueError, match="invalid"):
            int(text)

    with pytest.raises(BaseExceptionGroup, match="1 of 2 rows failed"):
        refused()


def test_tables_multiply_and_leave_the_fixtures_to_pytest():
    seen = []

    @cases("a", [1, 2])
    @cases("b", [3, 4])
    def both(a, b, fixture):
        seen.append((a, b, fixture))

    both(fixture="f")

    assert seen == [(1, 3, "f"), (1, 4, "f"), (2, 3, "f"), (2, 4, "f")]
    assert list(inspect.signature(both).parameters) == ["fixture"]


@pytest.mark.django_db
def test_a_row_finds_nothing_that_another_one_wrote_or_logged(caplog):
    @cases("name", ["a", "a", "b"], undone=True)
    def alone(name, caplog):
        Group.objects.create(name=name)
        logging.getLogger("django_mcp").warning(name)

        assert Group.objects.count() == 1
        assert caplog.messages == [name]

    alone(caplog=caplog)

    assert not Group.objects.exists()


def test_a_coroutine_is_no_table():
    """Its rows would be made and never awaited: nothing could fail."""

    async def nothing(a):
        raise AssertionError

    with pytest.raises(TypeError, match="event loop"):
        cases("a", [1])(nothing)


def test_a_table_without_rows_is_a_mistake():
    with pytest.raises(ValueError, match="no rows"):
        cases("a", [])
