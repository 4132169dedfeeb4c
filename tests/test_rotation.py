"""The cases that are kept of a test of many inputs and carriers."""

import pytest

from tests import rotation
from tests.conftest import ERAS, LANES
from tests.rotation import IN_TURN, turn
from tests.tables import cases


def lanes_of(name):
    """The lanes of a test that is dealt out."""
    return [lane for lane in LANES if lane not in IN_TURN or lane == turn(name, list(IN_TURN))]


CARRIERS = [(lane, era) for lane in LANES for era in ERAS]


@cases("count", [1, 2, len(CARRIERS), len(CARRIERS) + 1, 40])
def test_each_case_and_each_carrier_is_tried_and_as_few_pairs_as_that_takes(count):
    pairs = rotation.pairs(list(range(count)), CARRIERS)

    assert len(pairs) == len(set(pairs)) == max(count, len(CARRIERS))
    assert {case for case, _ in pairs} == set(range(count))
    assert {carrier for _, carrier in pairs} == set(CARRIERS)


@cases("name", ["a", "b", "c", "d"])
@cases(("count", "kept"), [(1, len(LANES)), (len(LANES) + 1, len(LANES) + 1), (40, len(CARRIERS))])
def test_few_cases_have_each_lane_once_and_each_era_and_many_have_every_combination(count, kept, name):
    carriers = rotation.carriers([((), carrier) for carrier in CARRIERS], count, name)

    assert len(carriers) == len(set(carriers)) == kept
    assert [lane for lane, _ in carriers[: len(LANES)]] == list(LANES)
    assert {era for _, era in carriers[: len(LANES)]} == set(ERAS)


def test_a_lane_meets_each_era_in_one_test_or_another():
    tests = [rotation.carriers([((), carrier) for carrier in CARRIERS], 1, name) for name in "abcd"]

    assert {carrier for carriers in tests for carrier in carriers} == set(CARRIERS)


@cases("values", [2, 3, 6])
def test_a_parameter_does_not_keep_step_with_the_lanes(values):
    """Its every value is tried in every lane, when another parameter leaves the room for it."""
    inputs = [(other, value) for other in range(6) for value in range(values)]

    pairs = rotation.pairs(inputs, CARRIERS)

    assert len({(value, lane) for (_, value), (lane, _) in pairs}) == values * len(LANES)


@pytest.mark.parametrize("way", ["a", "b"])
def test_the_suite_itself_is_dealt_out(request, lane, way):
    names = [item.name for item in request.session.items if item.originalname == request.node.originalname]

    assert len(names) == len(lanes_of(request.node.originalname)) == len(LANES) - 1


def test_a_test_of_lanes_and_eras_has_each_of_them(request, lane, era):
    made = [item for item in request.session.items if item.originalname == request.node.originalname]

    assert sorted(item.callspec.params["lane"] for item in made) == sorted(lanes_of(request.node.originalname))
    assert {item.callspec.params["era"] for item in made} == set(ERAS)


@pytest.mark.every_combination
@pytest.mark.parametrize("way", ["a", "b"])
def test_a_test_that_asks_for_it_runs_over_every_combination(request, lane, way):
    names = [item.name for item in request.session.items if item.originalname == request.node.originalname]

    assert len(names) == 2 * len(LANES)
