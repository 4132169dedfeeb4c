"""A server for agents that work on the project: the skills that come with the package, and nothing else."""

from django_mcp import MCPServer
from django_mcp.contrib.skills import Skills

guides = MCPServer(
    "guides",
    version="1.0",
    title="Guides to django_mcp",
    extensions=[Skills(apps=["mcp_guides"])],
)
