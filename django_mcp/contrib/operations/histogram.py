"""Histograms of durations: counts in fixed buckets, so that those of many minutes add up to that of a day."""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate
from typing import Final

BOUNDS: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""The upper bounds of the buckets, in seconds; longer calls are in one more."""

EMPTY: Final = (0,) * (len(BOUNDS) + 1)


def bucket_of(seconds: float) -> int:
    """The number of the bucket of a duration."""
    return bisect_left(BOUNDS, seconds)


def added(one: Sequence[int], other: Sequence[int]) -> list[int]:
    """The sum of two histograms; an empty one counts nothing."""
    return [a + b for a, b in zip(one or EMPTY, other or EMPTY, strict=True)]


def percentile(buckets: Sequence[int], share: float) -> float | None:
    """The duration in seconds that this share of the calls did not exceed, estimated within its bucket; `None` without
    calls. Calls of more than a minute count as a minute.
    """
    total = sum(buckets)
    if not total:
        return None
    rank = share * total
    for number, upto in enumerate(accumulate(buckets)):
        if upto >= rank and buckets[number]:
            low = BOUNDS[number - 1] if number else 0.0
            high = BOUNDS[number] if number < len(BOUNDS) else BOUNDS[-1]
            return low + (high - low) * (rank - (upto - buckets[number])) / buckets[number]
    return BOUNDS[-1]
