"""The example project's settings for servers that are watched closely: everything that takes its time takes less."""

import os

from testproject.settings import *  # noqa: F403

ROOT_URLCONF = "tests.live.urls"
ASGI_APPLICATION = "tests.live.asgi.application"
MCP_KEEPALIVE_SECONDS = 1
MCP_STREAM_LEASE_SECONDS = 3
MCP_POLL_SECONDS = float(os.environ.get("LIVE_POLL_SECONDS", "0.2"))
MCP_SEND_TIMEOUT_SECONDS = 1
MCP_RETRY_MILLISECONDS = 10
MCP_EVENTS_PER_SESSION = 100_000
MCP_EVENT_BYTES_PER_SESSION = 1_000_000_000
MCP_SESSION_TOUCH_SECONDS = 1

# One client has many calls wait at once, so that its server's threads are tried.
MCP_MAX_WAITING_CALLS = 100
MCP_MAX_WAITING_CALLS_PER_PRINCIPAL = 40

MCP_TASK_LEASE_SECONDS = float(os.environ.get("LIVE_LEASE_SECONDS", "3"))
MCP_MAX_UNFINISHED_TASKS_PER_PRINCIPAL = MCP_MAX_TASKS_PER_PRINCIPAL = 10_000
if rq := os.environ.get("RQ_REDIS_URL"):
    INSTALLED_APPS += ["django_rq", "django_tasks_rq"]  # noqa: F405
    RQ_QUEUES = {"default": {"URL": rq}}
