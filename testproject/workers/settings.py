"""The settings of the example project, for servers that have one endpoint."""

from testproject.settings import *  # noqa: F403

ROOT_URLCONF = "testproject.workers.urls"

# A client that has lost its worker comes back soon: this is a demo.
MCP_RETRY_MILLISECONDS = 100
