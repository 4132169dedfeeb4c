"""Real clients do what the table in docs/clients.md says of them. `nox -s clients` installs and runs them."""

import pytest

from tests.clients import page
from tests.clients.behaviours import BEHAVIOURS
from tests.clients.matrix import CLIENTS


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
@pytest.mark.parametrize("client", CLIENTS)
def test_the_client_does_as_it_did_when_it_was_measured(visits, client, behaviour):
    visit, measured = visits[client].result(), page.measured(client)

    did, said = visit.facts.get(behaviour), visit.said.get(behaviour)
    told = f"{client} {visit.version} (measured: {measured['version']}), {behaviour}: {said}"
    assert measured.get(behaviour) in (did, page.SOMETIMES), told
