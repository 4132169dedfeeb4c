"""The log of a request that could not be answered, with the remedy where the failure shows it."""

import logging

from django.db import OperationalError, ProgrammingError

logger = logging.getLogger("django_mcp")


def log_failure(error: BaseException) -> None:
    """Logs an exception that no code of the project's has raised. A table or column that is missing says no more to a
    newcomer than its name.
    """
    is_of_database = isinstance(error, OperationalError | ProgrammingError)
    remedy = ": manage.py mcp_doctor says what the database lacks" if is_of_database else ""
    logger.error("Answering failed%s", remedy, exc_info=error)
