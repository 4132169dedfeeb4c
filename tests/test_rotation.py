"""The cases that are kept of a test of many inputs and carriers."""

import pytest

from tests import rotation
from tests.conftest import ERAS, LANES

CARRIERS = [(lane, era) for lane in LANES for era in ERAS]


@pytest.mark.parametrize(("cases", "kept"), [(1, 6), (2, 6), (6, 6), (7, 7), (40, 40)])
def test_each_case_and_each_carrier_is_tried_and_as_few_pairs_as_that_takes(cases, kept):
    pairs = rotation.pairs(list(range(cases)), CARRIERS)

    assert len(pairs) == len(set(pairs)) == kept
    assert {case for case, _ in pairs} == set(range(cases))
    assert {carrier for _, carrier in pairs} == set(CARRIERS)


@pytest.mark.parametrize("values", [2, 3, 6])
def test_a_parameter_does_not_keep_step_with_the_lanes(values):
    """Its every value is tried in every lane, when another parameter leaves the room for it."""
    cases = [(other, value) for other in range(6) for value in range(values)]

    pairs = rotation.pairs(cases, CARRIERS)

    assert len({(value, lane) for (_, value), (lane, _) in pairs}) == values * len(LANES)


@pytest.mark.parametrize("way", ["a", "b"])
def test_the_suite_itself_is_dealt_out(request, lane, way):
    names = [item.name for item in request.session.items if item.originalname == request.node.originalname]

    assert len(names) == len(LANES)


@pytest.mark.every_combination
@pytest.mark.parametrize("way", ["a", "b"])
def test_a_test_that_asks_for_it_runs_over_every_combination(request, lane, way):
    names = [item.name for item in request.session.items if item.originalname == request.node.originalname]

    assert len(names) == 2 * len(LANES)
