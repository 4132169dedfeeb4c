"""Two skills of the package's own, in its folder `skills`: to write an `mcp.py`, and to operate a server.

"django_mcp.contrib.skills.guides" in INSTALLED_APPS has `Skills()` serve them.
"""
