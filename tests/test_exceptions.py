from django_mcp.exceptions import ClientTooLarge, TooManySessions
from tests.tables import cases


@cases("scope", ["principal", "server"])
def test_too_many_sessions_says_whose_limit_was_reached(scope):
    error = TooManySessions(scope, 100)

    assert (error.scope, error.limit) == (scope, 100)
    assert str(error) == f"The limit of 100 live sessions ({scope}) is reached."


def test_too_large_a_client_is_told_the_limit():
    error = ClientTooLarge(65536)

    assert error.limit == 65536
    assert str(error) == "clientInfo and capabilities take more than 65536 characters."
