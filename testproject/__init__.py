"""The example project: three MCP servers on three URLs, and where the package is tried and tested."""
