"""MCP in pure functions: bytes and headers in, an `Inbound` or a `Reply` out.

The way of a message through this package: `inbound.read` tells the era and checks the shape; `handshake` and `modern`
hold what is peculiar to one era; `replies` forms what a carrier must send. No Django, no I/O and no clock live here, so
that every lane answers alike.
"""
