"""The WSGI applications of the watched servers: Django's own, and the lane around it."""

import os

from django.core.wsgi import get_wsgi_application

from django_mcp.wsgi import mcp_wsgi_application

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.live.settings"
application = get_wsgi_application()
lane = mcp_wsgi_application(application)
