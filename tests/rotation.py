"""The cases of a parametrised test, dealt out to the carriers that it runs over.

A test of a dozen inputs that is to hold in three lanes and two eras would be 72 tests, and most of them would say again
what another has said: the rule is one piece of code, and a carrier brings it. So each input is tried once, in a carrier
that changes from input to input, and each carrier is tried at least once. The same holds for the revisions of a test
without lanes. A test whose rule differs between carriers, or that guards something, is marked `every_combination` and
runs over the whole product.
"""

from collections.abc import Iterable
from typing import Any, TypeAlias

import pytest

CARRIERS = (frozenset({"lane", "era"}), frozenset({"version"}))
"""Names of parameters. The first set that a test has one of is its carriers; all others are its cases."""

Key: TypeAlias = tuple[tuple[str, int], ...]


def dealt(made: list[Any]) -> list[Any]:
    """The tests to keep of those that pytest has made of one function."""
    if not made or not hasattr(made[0], "callspec") or made[0].get_closest_marker("every_combination"):
        return made
    names = next((names for names in CARRIERS if names & made[0].callspec.params.keys()), frozenset())
    keys = [_key(test, names) for test in made]
    kept = set(pairs(_distinct(case for case, _ in keys), _distinct(carrier for _, carrier in keys)))
    return [test for test, key in zip(made, keys, strict=True) if key in kept]


def pairs(cases: list[Any], carriers: list[Any]) -> list[tuple[Any, Any]]:
    """Every case once and every carrier at least once.

    The longer list is gone through, and the shorter one turns beside it. It moves on by one more after each turn: a
    parameter with as many values as there are carriers would meet the same ones for ever.
    """
    if len(cases) < len(carriers):
        return [(case, carrier) for carrier, case in pairs(carriers, cases)]
    turn = len(carriers)
    return [(case, carriers[(n + n // turn) % turn]) for n, case in enumerate(cases)]


def _key(test: pytest.Function, carriers: frozenset[str]) -> tuple[Key, Key]:
    # By identity: values need not be hashable, and pytest numbers those of a `parametrize` anew in each combination.
    values = [(name, id(value)) for name, value in test.callspec.params.items()]
    return tuple(key for key in values if key[0] not in carriers), tuple(key for key in values if key[0] in carriers)


def _distinct(keys: Iterable[Key]) -> list[Key]:
    return list(dict.fromkeys(keys))
