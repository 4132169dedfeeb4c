from dataclasses import replace

import pytest

from django_mcp.protocol.records import record


@record(frozen=True, slots=True)
class Place:
    name: str
    height: int = 0


def test_a_record_is_equal_to_one_with_the_same_values():
    assert Place("Berlin", 34) == Place("Berlin", height=34) != Place("Berlin")
    assert {Place("Berlin", 34), Place("Berlin", 34)} == {Place("Berlin", 34)}


def test_a_record_is_copied_with_other_values():
    place = Place("Berlin")

    assert replace(place, height=34) == Place("Berlin", 34)
    assert place == Place("Berlin", 0)


def test_a_record_has_its_fields_and_no_others():
    with pytest.raises(AttributeError):
        Place("Berlin").people = 3_600_000


def test_a_record_takes_the_other_options_of_a_dataclass():
    with pytest.raises(TypeError):
        record(frozen=True, slots=True, kw_only=True)(type("Named", (), {"__annotations__": {"name": str}}))("Berlin")
