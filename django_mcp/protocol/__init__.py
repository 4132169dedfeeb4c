"""MCP in pure functions: bytes and headers in, an `Inbound` or a `Reply` out.

A message passes through this package as follows: `inbound.read` finds the era and checks the shape; `handshake` and
`modern` hold the rules of one era each; `replies` builds the HTTP answer. No Django, no I/O and no clock here, so every
lane answers alike.
"""
