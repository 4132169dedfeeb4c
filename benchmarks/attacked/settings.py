"""The example project's settings, with every limit at its default, and a known number of threads."""

import os

from testproject.settings import *  # noqa: F403

ROOT_URLCONF = "benchmarks.attacked.urls"
ASGI_APPLICATION = "benchmarks.attacked.asgi.application"
MCP_THREADS = 6
MCP_PUBLIC_URL = "https://attacked.example.com"
REST_FRAMEWORK = {"NUM_PROXIES": 0}
SILENCED_SYSTEM_CHECKS = ["django_mcp.W006", "django_mcp.W022"]
ISSUER = f"http://127.0.0.1:{os.environ.get('ATTACKED_ISSUER_PORT', '1')}"
"""An authorization server that takes connections and never answers."""

# The attack counts its refusals; a warning for each would be most of the work.
LOGGING = {"version": 1, "disable_existing_loggers": False, "loggers": {"django": {"level": "ERROR"}}}
