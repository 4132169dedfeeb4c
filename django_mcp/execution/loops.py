"""Which event loop serves requests: known to it, and to the worker threads that it sends work to. A leaf, so that all
may ask.
"""

import asyncio
from contextvars import ContextVar

serving_loop: ContextVar[asyncio.AbstractEventLoop | None] = ContextVar("serving_loop", default=None)
"""`None` under WSGI, in a shell and in a task queue's worker. A channel layer belongs to a loop, and is used on this
one.
"""
