"""The page for people: an endpoint that is opened in a browser shows what a model would see of it, and calls it.

The page is an MCP client of its own endpoint. Its GET is answered with HTML; its calls are the same POSTs that every
client sends, of a person who is known by Django's session instead of a token.
"""
