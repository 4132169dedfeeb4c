from django_mcp.contrib.operations.histogram import BOUNDS, EMPTY, added, bucket_of, percentile
from tests.tables import cases


def of(*seconds):
    buckets = list(EMPTY)
    for one in seconds:
        buckets[bucket_of(one)] += 1
    return buckets


@cases(("seconds", "bucket"), [(0, 0), (0.001, 0), (0.0011, 1), (1, 9), (60, 14), (61, 15), (1e9, 15)])
def test_a_duration_is_in_the_first_bucket_that_holds_it(seconds, bucket):
    assert bucket_of(seconds) == bucket


def test_percentiles_are_within_their_bucket():
    buckets = of(*[0.015] * 90, *[0.3] * 9, 5)
    assert 0.01 < percentile(buckets, 0.5) <= 0.02
    assert 0.2 < percentile(buckets, 0.95) <= 0.5
    assert 2 < percentile(buckets, 1.0) <= 5


def test_calls_of_more_than_a_minute_count_as_a_minute():
    assert percentile(of(600), 0.99) == BOUNDS[-1]


def test_there_is_no_percentile_without_calls():
    assert percentile(EMPTY, 0.5) is None
    assert percentile([], 0.5) is None


def test_histograms_add_up():
    assert added(of(1, 2), of(2)) == of(1, 2, 2)
    assert added([], of(2)) == of(2)
