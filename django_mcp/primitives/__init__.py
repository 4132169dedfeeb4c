"""Declarations: tools, resources and prompts, how their signatures are read, and how return values become content.

Python and pydantic; no HTTP and no ORM.
"""
