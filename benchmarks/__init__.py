"""How fast it is: `python -m benchmarks.own_code` is about our own code alone, `python -m benchmarks.serve` about peers.

Measured, never asserted: a slow machine is no failure. What must not regress has its budget printed beside it.
"""
