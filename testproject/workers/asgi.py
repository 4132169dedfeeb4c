"""The ASGI application of a worker: each response says which process it is from."""

import os
from typing import Any

from django_mcp.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "testproject.workers.settings")

served = get_asgi_application()
HEADER = (b"x-worker", str(os.getpid()).encode())


async def application(scope: Any, receive: Any, send: Any) -> None:
    async def sign(message: Any) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], HEADER]}
        await send(message)

    await served(scope, receive, sign if scope["type"] == "http" else send)
