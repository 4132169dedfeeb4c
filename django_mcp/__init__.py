"""MCP servers for Django: the names that an app's `mcp.py` imports.

`tool`, `toolset`, `resource` and `prompt` register on `default_server`, which `path("mcp", include("django_mcp.urls"))`
serves. Importing this module touches no model and reads no setting, so it is safe while INSTALLED_APPS loads.
"""

from django_mcp.exceptions import (
    BudgetExceeded,
    Cancelled,
    ClientCannot,
    ClientRefused,
    ClientTimeout,
    ResourceNotFound,
)
from django_mcp.primitives.asking import InputRequired
from django_mcp.primitives.call_options import Budget
from django_mcp.primitives.content import (
    AssistantMessage,
    Audio,
    EmbeddedResource,
    Icon,
    Image,
    ResourceLink,
    Text,
    ToolResult,
    UserMessage,
)
from django_mcp.primitives.context import Context, Principal
from django_mcp.primitives.middleware import Invocation
from django_mcp.primitives.param_headers import ParamHeader
from django_mcp.primitives.sensitive import Sensitive
from django_mcp.primitives.tools import ToolError
from django_mcp.primitives.toolsets import Toolset, tool_options
from django_mcp.protocol.errors import ProtocolError
from django_mcp.protocol.modern import CacheHints
from django_mcp.server import MCPServer

__all__ = [
    "AssistantMessage",
    "Audio",
    "Budget",
    "BudgetExceeded",
    "CacheHints",
    "Cancelled",
    "ClientCannot",
    "ClientRefused",
    "ClientTimeout",
    "Context",
    "EmbeddedResource",
    "Icon",
    "Image",
    "InputRequired",
    "Invocation",
    "MCPServer",
    "ParamHeader",
    "Principal",
    "ProtocolError",
    "ResourceLink",
    "ResourceNotFound",
    "Sensitive",
    "Text",
    "ToolError",
    "ToolResult",
    "Toolset",
    "UserMessage",
    "default_server",
    "prompt",
    "resource",
    "tool",
    "tool_options",
    "toolset",
]

default_server = MCPServer()
"""The project's own server. The `MCP_SERVER_…` settings are its name and description."""

tool = default_server.tool
toolset = default_server.toolset
resource = default_server.resource
prompt = default_server.prompt
