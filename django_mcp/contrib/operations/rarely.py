"""Log lines about what fails again and again."""

import logging
import time
from typing import Any


class Rarely:
    """Logs at most one line in so many seconds."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._logged_at = float("-inf")

    def log(self, logger: logging.Logger, message: str, *arguments: Any) -> None:
        """Logs a warning, unless one was logged a short time ago."""
        now = time.monotonic()
        if now - self._logged_at >= self._seconds:
            self._logged_at = now
            logger.warning(message, *arguments)
