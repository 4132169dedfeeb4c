"""The session and the clock of most tests of the storage."""

import pytest

from tests.storage.rows import NOW, open_session


@pytest.fixture
def session():
    """The primary key of an open session."""
    return open_session().pk


@pytest.fixture
def clock(time_machine):
    """A clock that stands at NOW until it is moved."""
    time_machine.move_to(NOW, tick=False)
    return time_machine
