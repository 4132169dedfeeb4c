"""The log of a request that could not be answered."""

import logging

from django.db import IntegrityError, OperationalError, ProgrammingError

from django_mcp.endpoint.failures import log_failure
from tests.tables import cases

DATABASE = "Answering failed: manage.py mcp_doctor says what the database lacks"


@cases(
    ("error", "message"),
    [
        (OperationalError("no such table: django_mcp_session"), DATABASE),
        (ProgrammingError('relation "django_mcp_session" does not exist'), DATABASE),
        (IntegrityError("UNIQUE constraint failed"), "Answering failed"),
        (KeyError("x"), "Answering failed"),
    ],
)
def test_a_failure_of_the_database_is_logged_with_the_way_to_its_remedy(error, message):
    records: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = records.append
    logging.getLogger("django_mcp").addHandler(handler)
    try:
        log_failure(error)
    finally:
        logging.getLogger("django_mcp").removeHandler(handler)

    [record] = records
    assert (record.getMessage(), record.levelname, record.exc_info[1]) == (message, "ERROR", error)
