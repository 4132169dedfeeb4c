"""The ASGI application that the clients visit."""

import os

from django_mcp.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.clients.served.settings")

application = get_asgi_application()
