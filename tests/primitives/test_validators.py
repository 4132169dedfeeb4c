"""Which arguments run code of the developer's when they are validated."""

import datetime
import decimal
import enum
import uuid
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field, TypeAdapter, field_validator

from django_mcp.primitives.validators import runs_own_code
from tests.tables import cases


class Plain(BaseModel):
    count: int = Field(default_factory=int)
    tags: list[str] = []


class Validated(BaseModel):
    count: int

    @field_validator("count")
    def check(cls, value):
        return value


class Colour(enum.Enum):
    RED = "red"


@dataclass
class Row:
    tags: list[str] = field(default_factory=list)


@dataclass
class Checked:
    count: int

    def __post_init__(self):
        pass


@dataclass
class Filled:
    count: int = field(default_factory=lambda: 1)


@cases("kind", [int, str | None, list[dict[str, float]], datetime.date, decimal.Decimal, uuid.UUID, Colour, Plain, Row])
def test_pydantics_own_types_run_none(kind):
    assert not runs_own_code(TypeAdapter(kind))


@cases(
    "kind",
    [Annotated[int, AfterValidator(lambda value: value)], list[Validated], Checked | None, Filled],
)
def test_validators_factories_and_hooks_do(kind):
    assert runs_own_code(TypeAdapter(kind))
