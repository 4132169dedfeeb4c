"""The ASGI application of the attacked site."""

import os

from django.core.asgi import get_asgi_application

os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.attacked.settings"
django_application = get_asgi_application()

from django_mcp.asgi import mcp_application  # noqa: E402

application = mcp_application(django_application)
