"""The event loop that serves requests, also for the worker threads that it uses. This module imports nothing, so that
every module can import it.
"""

import asyncio
from contextvars import ContextVar

serving_loop: ContextVar[asyncio.AbstractEventLoop | None] = ContextVar("serving_loop", default=None)
"""`None` in sync code under WSGI, in a shell and in a task queue's worker. A channel layer belongs to one loop, which
must be this one.
"""

caller_waits: ContextVar[bool] = ContextVar("caller_waits", default=False)
"""Whether a coroutine runs for sync code that waits for it, and does its sync work meanwhile."""
