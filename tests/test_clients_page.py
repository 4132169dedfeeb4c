"""docs/clients.md says what `nox -s clients` measured."""

from tests.clients import page
from tests.clients.matrix import CLIENTS


def test_each_client_of_the_matrix_was_measured():
    assert {file.stem for file in page.MEASURED.glob("*.json")} == set(CLIENTS)


def test_the_table_of_the_clients_is_that_of_what_was_measured():
    assert page.table() in page.PAGE.read_text(), "python -m tests.clients.page"


def test_a_client_that_does_not_listen_again_is_said_to_hear_until_a_restart():
    heard = {"changes": "yes", "changes after a restart": "no"}

    assert page.cell("changes", heard) == "until a restart"
    assert page.cell("changes", {**heard, "changes after a restart": "yes"}) == "yes"
    assert page.cell("changes", {**heard, "changes after a restart": "sometimes"}) == "yes, after a restart not always"
    assert page.cell("changes", {"changes": "no"}) == "no"


def test_a_word_for_a_client_that_varies_outlives_a_measurement(tmp_path, monkeypatch):
    monkeypatch.setattr(page, "MEASURED", tmp_path)
    page.keep("visitor", {"changes": "yes", "restart": "sometimes"})

    page.keep("visitor", {"changes": "no", "restart": "goes on"})

    assert page.measured("visitor") == {"changes": "no", "restart": "sometimes"}
