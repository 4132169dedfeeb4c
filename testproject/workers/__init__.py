"""`make demo-workers`: four workers behind one port, of which some are killed in the middle of their streams."""
