"""`python -m benchmarks.sizes`: how much of a conversation the tools of one model take, beside the peers.

Five tools (list, get, create, update, delete) of the model in peers/tickets.py: by `ModelToolset`, by
djangorestframework-mcp-server from a serializer, and by FastMCP from functions and types that are written by hand. A
token is counted as four characters, as `mcp_schema` does.
"""

import json
import os
import subprocess
import sys
from typing import Any

from .serve import FASTMCP
from .servers import PEERS, Server
from .tables import print_table

DRF = ("djangorestframework-mcp-server==0.54.0", "Django~=5.2.0")
CHARACTERS_PER_TOKEN = 4


def ours() -> list[dict[str, Any]]:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "testproject.settings")
    import django

    django.setup()
    sys.path.insert(0, str(PEERS))
    from tickets import Ticket  # type: ignore[import-not-found]

    from django_mcp import MCPServer
    from django_mcp.contrib.model_toolset import ModelToolset

    class Tickets(ModelToolset):
        model = Ticket
        fields = ("id", "title", "status", "priority", "assigned_to", "due_on", "created_at")
        operations = ("list", "get", "create", "update", "delete")

    server = MCPServer("tickets", version="1")
    server.toolset(Tickets)
    return [tool.definition for tool in server.registry.tools.values()]


def of_peer(script: str, requirements: tuple[str, ...]) -> list[dict[str, Any]]:
    peer = Server(script, (), requirements=requirements)
    peer.install()
    said = subprocess.run([peer.python, script], cwd=PEERS, capture_output=True, text=True, check=True).stdout
    tools: list[dict[str, Any]] = json.loads(said.splitlines()[-1])
    return tools


def main() -> None:
    rows = [["", "tools", "descriptions and inputs", "outputs", "tokens in all"]]
    for name, tools in (
        ("this package, ModelToolset", ours()),
        ("djangorestframework-mcp-server 0.54", of_peer("sizes_drf.py", DRF)),
        ("FastMCP 4.2, by hand", of_peer("sizes_fastmcp.py", FASTMCP)),
    ):
        whole = sum(len(json.dumps(tool, separators=(",", ":"), ensure_ascii=False)) for tool in tools)
        outputs = sum(len(json.dumps(tool.get("outputSchema", {}), separators=(",", ":"))) for tool in tools)
        tokens = [str(round(count / CHARACTERS_PER_TOKEN)) for count in (whole - outputs, outputs, whole)]
        rows.append([name, str(len(tools)), *tokens])
    print_table(rows)


if __name__ == "__main__":
    main()
