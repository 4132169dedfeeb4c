"""Journeys over real servers: several processes, one database, and whatever may happen to them."""
