"""What developers declare: tools, resources and prompts, how their signatures are read, and how what they return
becomes content.

Python and pydantic; no HTTP and no ORM.
"""
