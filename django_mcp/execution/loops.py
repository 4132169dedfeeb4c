"""The event loop that serves requests, also for the worker threads that it uses. This module imports nothing, so that
every module can import it.
"""

import asyncio
from contextvars import ContextVar

serving_loop: ContextVar[asyncio.AbstractEventLoop | None] = ContextVar("serving_loop", default=None)
"""`None` under WSGI, in a shell and in a task queue's worker. A channel layer belongs to one loop, which must be this
one.
"""
