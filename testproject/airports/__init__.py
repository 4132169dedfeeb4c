"""An example app: the world's airports, and the trips that people plan between them."""
