"""The ASGI application: MCP endpoints in the package's own lane, everything else by Django.

Most projects need `django_mcp.asgi.get_asgi_application` alone. This one serves static files in a demo, and spares the
garbage collector the walk over what has been loaded (docs/deployment.md).
"""

import gc
import os

from django.conf import settings
from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler
from django.core.asgi import get_asgi_application

from django_mcp.asgi import mcp_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "testproject.settings")

django_application = get_asgi_application()

if settings.DEBUG:  # Outside a demo, static files are the web server's work.
    django_application = ASGIStaticFilesHandler(django_application)

application = mcp_application(django_application)

gc.collect()
gc.freeze()
