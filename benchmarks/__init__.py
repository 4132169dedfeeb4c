"""How fast it is: `python -m benchmarks.own_code` for our own code alone, `python -m benchmarks.serve` beside the peers.

Measured, never asserted: a slow machine is no failure. What must not regress has its budget printed beside it.
"""
