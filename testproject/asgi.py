"""The ASGI application: MCP endpoints in the package's own lane, everything else by Django."""

import os

from django.conf import settings
from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler

from django_mcp.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "testproject.settings")

application = get_asgi_application()

if settings.DEBUG:  # Outside a demo, static files are the web server's work.
    application = ASGIStaticFilesHandler(application)
    application.serves_mcp = True
