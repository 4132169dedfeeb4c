"""The WSGI application of the watched servers."""

import os

from django.core.wsgi import get_wsgi_application

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.live.settings"
application = get_wsgi_application()
