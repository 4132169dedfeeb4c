from dataclasses import replace

import pytest

from django_mcp.protocol.records import record


@record(frozen=True, slots=True)
class LoopContext:
    name: str
    height: int = 0


def test_a_record_is_equal_to_one_with_the_same_values():
    assert LoopContext("Berlin", 34) == LoopContext("Berlin", height=34) != LoopContext("Berlin")
    assert {LoopContext("Berlin", 34), LoopContext("Berlin", 34)} == {LoopContext("Berlin", 34)}


def test_a_record_is_copied_with_other_values():
    place = LoopContext("Berlin")

    assert replace(place, height=34) == LoopContext("Berlin", 34)
    assert place == LoopContext("Berlin", 0)


def test_a_record_has_its_fields_and_no_others():
    with pytest.raises(AttributeError):
        LoopContext("Berlin").people = 3_600_000


def test_a_record_takes_the_other_options_of_a_dataclass():
    with pytest.raises(TypeError):
        record(frozen=True, slots=True, kw_only=True)(type("Named", (), {"__annotations__": {"name": str}}))("Berlin")
