"""How fast it is: `python -m benchmarks.own_code` times our own code alone, `python -m benchmarks.serve` us and peers.

Measured, never asserted: a slow machine is no failure. A figure that must not regress has its budget printed beside it.
"""
