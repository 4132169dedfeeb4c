"""System checks (`manage.py check --tag mcp`). Importing this package registers them."""

from . import declarations, deployment, endpoints, likenesses

__all__ = ["declarations", "deployment", "endpoints", "likenesses"]
