"""Toolsets served alone, for the tests of what they are made of."""

from django.urls import path

from django_mcp import MCPServer
from django_mcp.testing import MCPClient
from django_mcp.urls import endpoint


def serve(settings, *toolsets, user=None):
    """A client of a server with these toolsets alone."""
    own = MCPServer("own", version="1")
    for toolset in toolsets:
        own.toolset(toolset)
    settings.ROOT_URLCONF = type("own_urls", (), {"urlpatterns": [path("own", endpoint(own, public=True))]})
    return MCPClient("/own", lane="asgi", user=user)


def arguments_of(client):
    return {tool["name"]: set(tool["inputSchema"]["properties"]) for tool in client.list_tools()}
