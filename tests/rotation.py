"""The cases of a parametrised test, dealt out to the carriers that it runs over.

A test of a dozen inputs that is to hold in three lanes and two eras would be 72 tests, and most of them would say again
what another has said: the rule is one piece of code, and a carrier brings it. So each input is tried once, in a carrier
that changes from input to input. Each lane and each era is tried at least once, and both eras of a lane where there are
inputs enough; over the whole suite, each lane meets each era many times. The same holds for the revisions of a test
without lanes. A test whose rule differs between carriers, or that guards something, is marked `every_combination` and
runs over the whole product.

Two of the lanes only bring together parts that the other two try: the view's hooks under ASGI, and a lane's admission
with the view's answers. A test runs over one of these two, in turn.
"""

from collections.abc import Iterable
from itertools import product
from typing import Any, TypeAlias
from zlib import crc32

import pytest

IN_TURN = ("view under ASGI", "WSGI lane")
"""Lanes of which a test has one."""

CARRIERS = (("lane", "era"), ("version",))
"""Names of parameters. The first that a test has one of are its carriers; all others are its cases."""

Key: TypeAlias = tuple[tuple[str, int], ...]


def dealt(made: list[Any]) -> list[Any]:
    """The tests to keep of those that pytest has made of one function."""
    if not made or not hasattr(made[0], "callspec") or made[0].get_closest_marker("every_combination"):
        return made
    left_out = [lane for lane in IN_TURN if lane != turn(made[0].originalname, list(IN_TURN))]
    made = [test for test in made if test.callspec.params.get("lane") not in left_out] or made
    names = next((names for names in CARRIERS if made[0].callspec.params.keys() & set(names)), ())
    keys = [_key(test, names) for test in made]
    cases = _distinct(case for case, _ in keys)
    kept = set(pairs(cases, carriers(keys, len(cases), made[0].originalname)))
    return [test for test, key in zip(made, keys, strict=True) if key in kept]


def turn(name: str, values: list[Any]) -> Any:
    """One of the values, by the name of a test: always the same for it, and another for the next."""
    return values[crc32(name.encode()) % len(values)]


def carriers(keys: list[tuple[Key, Key]], cases: int, name: str) -> list[Key]:
    """The carriers for so many cases: at first each lane once, with the eras in turn, then their other combinations."""
    axes = [_distinct(values) for values in zip(*(carrier for _, carrier in keys), strict=True)]
    if len(axes) < 2:
        return _distinct(carrier for _, carrier in keys)
    lanes, eras = axes
    # Tests begin with different eras: a lane that begins with the same one in all of them would meet no other.
    first = turn(name, eras)
    eras.sort(key=lambda era: era != first)
    fewest = pairs(lanes, eras)
    every = fewest + [each for each in product(lanes, eras) if each not in fewest]
    return every[: max(cases, len(fewest))]


def pairs(cases: list[Any], carriers: list[Any]) -> list[tuple[Any, Any]]:
    """Every case once and every carrier at least once.

    The longer list is gone through, and the shorter one turns beside it. It moves on by one more after each turn: a
    parameter with as many values as there are carriers would meet the same ones for ever.
    """
    if len(cases) < len(carriers):
        return [(case, carrier) for carrier, case in pairs(carriers, cases)]
    turn = len(carriers)
    return [(case, carriers[(n + n // turn) % turn]) for n, case in enumerate(cases)]


def _key(test: pytest.Function, names: tuple[str, ...]) -> tuple[Key, Key]:
    # By identity: values need not be hashable, and pytest numbers those of a `parametrize` anew in each combination.
    values = {name: id(value) for name, value in test.callspec.params.items()}
    case = tuple(each for each in values.items() if each[0] not in names)
    return case, tuple((name, values[name]) for name in names if name in values)


def _distinct(keys: Iterable[Any]) -> list[Any]:
    return list(dict.fromkeys(keys))
