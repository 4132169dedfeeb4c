"""The session that most tests of the storage are about."""

import pytest

from tests.storage.rows import open_session


@pytest.fixture
def session():
    """The primary key of an open session."""
    return open_session().pk
