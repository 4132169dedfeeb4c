"""Personal API tokens for clients that send a header: hashed at rest, shown once, scoped, expiring.

"django_mcp.contrib.tokens" in INSTALLED_APPS, and `authentication.APITokenAuthentication` on the endpoints.
"""
