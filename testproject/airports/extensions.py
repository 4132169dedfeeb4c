"""The extensions of the demo's server: the skills that come with the package."""

from django_mcp.contrib.skills import Skills

skills = Skills(apps=["mcp_guides"])
