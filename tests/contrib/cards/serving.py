"""Servers with cards, at endpoints with and without a slash, and one without cards."""

from django.urls import path

from django_mcp import Icon, MCPServer
from django_mcp.contrib.cards import Cards
from django_mcp.urls import endpoint

described = {"version": "1.4.0", "title": "The shop", "description": "Find products.", "website_url": "https://e.com"}
shop = MCPServer("shop", **described, icons=[Icon("https://e.com/i.png")], extensions=[Cards("com.example")])
headers = [{"name": "X-Key", "isSecret": True}]
slashed = MCPServer("slashed", version="2", description="x", extensions=[Cards("com.example", headers=headers)])
plain = MCPServer("cardless", version="1")

urlpatterns = [
    path("shop", endpoint(shop, public=True)),
    path("slashed/", endpoint(slashed, public=True, eras=("modern",))),
    path("of/<tenant>/mcp", endpoint(shop)),
    path("plain", endpoint(plain, public=True)),
    # As django_mcp.well_known has them, which another test may have imported before these servers were made.
    *shop.extensions[0].root_urls(shop),
]
