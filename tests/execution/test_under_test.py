"""The seam for tests: what is said in it holds for as long as it is, and nowhere else."""

from django_mcp.execution.under_test import NO_TEST, calling, under_test


def test_without_a_test_client_nothing_is_said():
    assert under_test() is NO_TEST
    assert (NO_TEST.user, NO_TEST.answer, NO_TEST.caller_waits) == (None, None, False)


def test_what_is_said_is_added_and_taken_back():
    with calling(user="ada"):
        with calling(caller_waits=True):
            assert (under_test().user, under_test().caller_waits) == ("ada", True)
        assert (under_test().user, under_test().caller_waits) == ("ada", False)
    assert under_test() is NO_TEST
