"""OpenTelemetry spans and metrics of calls, by the semantic conventions for MCP. See docs/telemetry.md.

Needs the extra `otel`. It uses the providers that the project has configured, and makes none.
"""
