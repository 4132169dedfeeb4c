"""Cards: documents by which catalogs and registries find a server: its server card, the host's AI catalog, and the
`server.json` of the MCP registry.

`Cards("com.example")` among a server's extensions serves them. Without it, a server has none.
"""

from .extension import Cards

__all__ = ["Cards"]
