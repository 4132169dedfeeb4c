"""The WSGI application: MCP endpoints in the package's own lane, everything else by Django."""

import os

from django_mcp.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "testproject.settings")

application = get_wsgi_application()
