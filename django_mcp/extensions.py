"""Extensions of the protocol: the names that an extension is written with. docs/extensions.md is their page."""

from django_mcp.execution.deferred import DeferredCall, Ended, run_tool
from django_mcp.methods.declared import is_declared, not_declared, require
from django_mcp.primitives.extension import (
    DeclaredTool,
    Extension,
    ExtensionMethod,
    ExtensionResult,
    Instead,
    ListenKey,
    ToolCall,
    ToolPart,
)
from django_mcp.server import all_servers as servers

__all__ = [
    "DeclaredTool",
    "DeferredCall",
    "Ended",
    "Extension",
    "ExtensionMethod",
    "ExtensionResult",
    "Instead",
    "ListenKey",
    "ToolCall",
    "ToolPart",
    "is_declared",
    "not_declared",
    "require",
    "run_tool",
    "servers",
]
