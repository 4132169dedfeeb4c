"""How many calls wait for their clients, and whose they are."""

from types import SimpleNamespace

from django_mcp.endpoint.waiting import WaitingCalls
from django_mcp.primitives.asking import ClientCannot


def session(pk=1, principal="", user_id=None):
    return SimpleNamespace(pk=pk, principal=principal, user_id=user_id)


def enter_until_refused(waiting, *sessions, **options):
    """How many could wait, and the refusal of the next."""
    for count in range(1000):
        try:
            waiting.enter(sessions[count % len(sessions)], **options)
        except ClientCannot as refusal:
            return count, str(refusal)
    raise AssertionError("Nobody was refused.")


def test_a_users_calls_count_together_whichever_client_they_came_with(settings):
    settings.MCP_MAX_WAITING_CALLS_PER_PRINCIPAL = 3
    waiting = WaitingCalls()

    count, refusal = enter_until_refused(waiting, session(1, "user:7", 7), session(2, "user:7:client:app", 7))

    assert count == 3
    assert refusal == (
        "The client cannot be asked now: too many calls wait for answers already (3 of the same caller). "
        "Try again when some are answered."
    )
    waiting.enter(session(3, "user:8", 8))
    waiting.leave(session(1, "user:7", 7))
    waiting.enter(session(2, "user:7:client:app", 7))
    assert len(waiting) == 4


def test_anonymous_callers_have_half_of_the_places_and_one_session_of_theirs_has_not_all(settings):
    settings.MCP_MAX_WAITING_CALLS, settings.MCP_MAX_WAITING_CALLS_PER_PRINCIPAL = 12, 4
    waiting = WaitingCalls()

    assert enter_until_refused(waiting, session(1))[0] == 4
    count, refusal = enter_until_refused(waiting, session(2), session(3))
    assert (count, "6 of anonymous callers" in refusal) == (2, True)
    count, refusal = enter_until_refused(waiting, *(session(9, f"user:{pk}", pk) for pk in range(6)))
    assert (count, "12 of everybody's" in refusal) == (6, True)

    for pk in (1, 1, 1, 1, 2, 3):
        waiting.leave(session(pk))
    assert len(waiting) == 6
    waiting.enter(session(2))


def test_fewer_wait_in_a_transaction_and_no_caller_has_more_than_half_of_those(settings):
    settings.MCP_MAX_WAITING_TRANSACTIONS = 4
    waiting = WaitingCalls()
    ada, grace, eve = session(1, "user:1", 1), session(2, "user:2", 2), session(3, "user:3", 3)

    count, refusal = enter_until_refused(waiting, ada, in_transaction=True)
    assert (count, "asks before its first query" in refusal) == (2, True)
    assert enter_until_refused(waiting, grace, eve, in_transaction=True)[0] == 2
    # Those that hold none are not concerned.
    waiting.enter(ada)

    waiting.leave(ada, in_transaction=True)
    waiting.enter(eve, in_transaction=True)
    assert len(waiting) == 5
