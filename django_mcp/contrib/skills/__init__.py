"""Skills: instructions for agents with the files that they need, which a server hands to its clients.

`Skills()` among a server's extensions serves the folders `skills/` of the installed apps. It is the extension
`io.modelcontextprotocol/skills` of revision 2026-07-28 (SEP-2640).
"""

from .extension import Skills

__all__ = ["Skills"]
