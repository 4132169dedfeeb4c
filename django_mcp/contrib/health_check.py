"""A check for django-health-check (version 4 and later): its view then says how the MCP servers are.

Needs the package: `pip install django-health-check`.
"""

import dataclasses

from health_check.base import HealthCheck
from health_check.exceptions import ServiceUnavailable

from django_mcp.health import check


@dataclasses.dataclass
class MCPHealthCheck(HealthCheck):  # type: ignore[misc]
    """The database, the channel layer and the last purge, as `django_mcp.urls.health` judges them."""

    def run(self) -> None:
        found = check()
        if found.status == "down":
            parts = ", ".join(f"{name}: {value}" for name, value in dataclasses.asdict(found).items() if value)
            raise ServiceUnavailable(parts)
