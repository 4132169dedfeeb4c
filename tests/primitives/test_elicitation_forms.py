"""Forms: what a client is told of each kind of field, and what becomes of the content that comes back."""

import dataclasses
import datetime
import decimal
import enum
from typing import Annotated, Literal

import pytest
from django import forms
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from django_mcp.primitives.elicitation_forms import InvalidAnswer, for_version, form_of
from tests.tables import cases

# Models, dataclasses, typed dictionaries


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Every(BaseModel):
    name: str = Field(description="in full", min_length=1, max_length=5)
    age: int = Field(3, ge=1, le=9)
    ratio: float = 0.5
    sure: bool = False
    colour: Colour = Colour.RED
    size: Literal["s", "m"] = "s"
    day: datetime.date | None = None
    moment: datetime.datetime | None = None
    tags: list[Literal["a", "b"]] = []
    nickname: str | None = None


def test_each_kind_of_field_of_a_model_is_told_flat():
    assert form_of(Every).schema == {
        "type": "object",
        "properties": {
            "name": {"type": "string", "description": "in full", "minLength": 1, "maxLength": 5},
            "age": {"type": "integer", "default": 3, "minimum": 1, "maximum": 9},
            "ratio": {"type": "number", "default": 0.5},
            "sure": {"type": "boolean", "default": False},
            "colour": {"type": "string", "enum": ["red", "blue"], "default": "red"},
            "size": {"type": "string", "enum": ["s", "m"], "default": "s"},
            "day": {"type": "string", "format": "date"},
            "moment": {"type": "string", "format": "date-time"},
            "tags": {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}, "default": []},
            "nickname": {"type": "string"},
        },
        "required": ["name"],
    }


@dataclasses.dataclass
class DataclassForm:
    count: int
    day: datetime.date | None = None


class DictForm(TypedDict):
    count: int


class ModelForm(BaseModel):
    count: int


SCHEMA_FORM = {"type": "object", "properties": {"count": {"type": "integer"}}, "required": ["count"]}


class DjangoForm(forms.Form):
    count = forms.IntegerField()


@cases(
    ("source", "read"),
    [
        (ModelForm, ModelForm(count=2)),
        (DataclassForm, DataclassForm(2)),
        (DictForm, {"count": 2}),
        (SCHEMA_FORM, {"count": 2}),
        (DjangoForm, {"count": 2}),
    ],
)
def test_content_becomes_what_the_form_was_made_of(source, read):
    assert form_of(source).read({"count": 2}) == read


def test_text_becomes_the_values_that_a_model_means():
    read = form_of(Every).read({"name": "Ada", "colour": "blue", "day": "2026-03-01", "tags": ["b"]})

    assert read == Every(name="Ada", colour=Colour.BLUE, day=datetime.date(2026, 3, 1), tags=["b"])


def test_a_form_of_ones_own_is_taken_as_it_is():
    class Own:
        schema = {"type": "object", "properties": {}}

        def read(self, content):
            return content

    own = Own()

    assert form_of(own) is own


class Nested(BaseModel):
    inner: ModelForm


class Mapped(BaseModel):
    x: dict[str, str]


class Structures(BaseModel):
    x: list[ModelForm]


class Numbers(BaseModel):
    x: list[int]


@cases("source", [Nested, Mapped, Structures, Numbers])
def test_a_field_that_no_client_could_show_is_the_developers_to_mend(source):
    with pytest.raises(TypeError, match="a form holds text, numbers, booleans and choices, and"):
        form_of(source)


@cases("source", [int, str, list[ModelForm]])
def test_what_has_no_fields_is_no_form(source):
    with pytest.raises(TypeError, match="a form has fields"):
        form_of(source)


# Schemas

SCHEMA = {
    "type": "object",
    "properties": {
        "text": {"type": "string", "minLength": 2, "maxLength": 4},
        "whole": {"type": "integer", "minimum": 0, "maximum": 9},
        "number": {"type": "number"},
        "sure": {"type": "boolean"},
        "size": {"type": "string", "enum": ["s", "m"]},
        "colour": {"type": "string", "oneOf": [{"const": "r", "title": "Red"}]},
        "tags": {"type": "array", "minItems": 1, "maxItems": 2, "items": {"type": "string", "enum": ["a", "b"]}},
        "titled": {"type": "array", "items": {"anyOf": [{"const": "x", "title": "X"}]}},
    },
    "required": ["text"],
}


@cases(
    "content",
    [
        {"text": "ab"},
        {"text": "abcd", "whole": 0, "number": 1, "sure": False, "size": "m", "colour": "r", "tags": ["a", "b"]},
        {"text": "ab", "number": 0.5, "titled": ["x"]},
        {"text": "ab", "titled": []},
    ],
)
def test_content_that_fits_a_schema_is_handed_on(content):
    assert form_of(SCHEMA).read(content) == content


@cases(
    ("content", "said"),
    [
        ({}, "text: is required"),
        ({"text": None}, "text: must be of type string"),
        ({"text": 7}, "text: must be of type string"),
        ({"text": "a"}, "text: must be at least 2"),
        ({"text": "abcde"}, "text: must be at most 4"),
        ({"text": "ab", "whole": "1"}, "whole: must be of type integer"),
        ({"text": "ab", "whole": 1.5}, "whole: must be of type integer"),
        ({"text": "ab", "whole": True}, "whole: must be of type integer"),
        ({"text": "ab", "whole": -1}, "whole: must be at least 0"),
        ({"text": "ab", "whole": 10}, "whole: must be at most 9"),
        ({"text": "ab", "number": True}, "number: must be of type number"),
        ({"text": "ab", "sure": 1}, "sure: must be of type boolean"),
        ({"text": "ab", "size": "l"}, "size: must be one of ['s', 'm']"),
        ({"text": "ab", "colour": "Red"}, "colour: must be one of ['r']"),
        ({"text": "ab", "tags": "a"}, "tags: must be of type array"),
        ({"text": "ab", "tags": []}, "tags: must be at least 1"),
        ({"text": "ab", "tags": ["c"]}, "tags: must be some of ['a', 'b']"),
        ({"text": "ab", "tags": [["a"]]}, "tags: must be some of ['a', 'b']"),
        ({"text": "ab", "titled": ["X"]}, "titled: must be some of ['x']"),
        ({"whole": "1"}, "text: is required; whole: must be of type integer"),
    ],
)
def test_content_that_does_not_fit_a_schema_says_where(content, said):
    with pytest.raises(InvalidAnswer) as caught:
        form_of(SCHEMA).read(content)

    assert str(caught.value) == said


@cases(
    ("source", "said"),
    [
        (ModelForm, "- count: Input should be a valid integer, unable to parse string as an integer"),
        (DataclassForm, "- count: Input should be a valid integer, unable to parse string as an integer"),
        (DjangoForm, "count: Enter a whole number."),
    ],
)
def test_a_wrong_answer_is_explained_to_the_user(source, said):
    with pytest.raises(InvalidAnswer) as caught:
        form_of(source).read({"count": "many"})

    assert str(caught.value) == said


# Django forms


class Booking(forms.Form):
    full_name = forms.CharField(min_length=2, max_length=9, help_text="as in the passport")
    email = forms.EmailField(label="Mail")
    page = forms.URLField(required=False, assume_scheme="https")
    nights = forms.IntegerField(min_value=1, max_value=9, initial=2)
    ratio = forms.FloatField(required=False)
    price = forms.DecimalField(min_value=decimal.Decimal("0.5"), required=False)
    smoker = forms.BooleanField()
    day = forms.DateField(required=False)
    moment = forms.DateTimeField(required=False)
    meal = forms.ChoiceField(choices=[("", "—"), ("v", "Vegan"), (2, "Two")], initial=2)
    extras = forms.MultipleChoiceField(choices=[("w", "Wine")], required=False)


def test_each_kind_of_field_of_a_django_form_is_told():
    assert form_of(Booking).schema == {
        "type": "object",
        "properties": {
            "full_name": {
                "type": "string",
                "title": "Full name",
                "minLength": 2,
                "maxLength": 9,
                "description": "as in the passport",
            },
            "email": {"type": "string", "title": "Mail", "format": "email"},
            "page": {"type": "string", "title": "Page", "format": "uri"},
            "nights": {"type": "integer", "title": "Nights", "minimum": 1, "maximum": 9, "default": 2},
            "ratio": {"type": "number", "title": "Ratio"},
            "price": {"type": "number", "title": "Price", "minimum": 0.5},
            "smoker": {"type": "boolean", "title": "Smoker"},
            "day": {"type": "string", "title": "Day", "format": "date"},
            "moment": {"type": "string", "title": "Moment", "format": "date-time"},
            "meal": {
                "type": "string",
                "title": "Meal",
                "oneOf": [{"const": "v", "title": "Vegan"}, {"const": "2", "title": "Two"}],
                "default": "2",
            },
            "extras": {"type": "array", "title": "Extras", "items": {"anyOf": [{"const": "w", "title": "Wine"}]}},
        },
        "required": ["full_name", "email", "nights", "meal"],
    }


def test_content_of_a_django_form_is_cleaned():
    content = {
        "full_name": " Ada ",
        "email": "ada@example.com",
        "nights": 3,
        "price": 1.5,
        "smoker": True,
        "day": "2026-03-01",
        "meal": "2",
        "extras": ["w"],
    }

    assert form_of(Booking).read(content) == {
        "full_name": "Ada",
        "email": "ada@example.com",
        "page": "",
        "nights": 3,
        "ratio": None,
        "price": decimal.Decimal("1.5"),
        "smoker": True,
        "day": datetime.date(2026, 3, 1),
        "moment": None,
        "meal": "2",
        "extras": ["w"],
    }


def test_grouped_choices_are_told_one_by_one():
    class Grouped(forms.Form):
        meal = forms.ChoiceField(choices=[("Plants", [("v", "Vegan"), ("w", "Vegetarian")]), ("f", "Fish")])

    assert form_of(Grouped).schema["properties"]["meal"]["oneOf"] == [
        {"const": "v", "title": "Vegan"},
        {"const": "w", "title": "Vegetarian"},
        {"const": "f", "title": "Fish"},
    ]


# Revisions


@cases(
    ("version", "expected"),
    [
        ("2025-06-18", {"type": "string", "enum": ["r"], "enumNames": ["Red"]}),
        ("2025-11-25", {"type": "string", "oneOf": [{"const": "r", "title": "Red"}], "default": "r"}),
        ("2026-07-28", {"type": "string", "oneOf": [{"const": "r", "title": "Red"}], "default": "r"}),
    ],
)
def test_titled_choices_are_told_in_the_words_of_the_revision(version, expected):
    schema = {
        "type": "object",
        "properties": {"colour": {"type": "string", "oneOf": [{"const": "r", "title": "Red"}], "default": "r"}},
        "required": ["colour"],
    }

    assert for_version(schema, version) == {**schema, "properties": {"colour": expected}}


@cases(
    ("entry", "expected"),
    [
        ({"type": "boolean", "default": True}, {"type": "boolean", "default": True}),
        ({"type": "string", "default": "x"}, {"type": "string"}),
        ({"type": "integer", "minimum": 1, "default": 2}, {"type": "integer", "minimum": 1}),
    ],
)
def test_older_clients_are_told_defaults_of_booleans_alone(entry, expected):
    assert for_version({"type": "object", "properties": {"x": entry}}, "2025-06-18")["properties"] == {"x": expected}


def test_shaping_a_form_leaves_it_as_it_was():
    form = form_of({"type": "object", "properties": {"x": {"type": "string", "default": "a"}}})

    for_version(form.schema, "2025-06-18")

    assert form.schema["properties"]["x"] == {"type": "string", "default": "a"}


def test_a_described_type_stays_described():
    class Described(BaseModel):
        count: Annotated[int, Field(description="how many")]

    assert form_of(Described).schema["properties"] == {"count": {"type": "integer", "description": "how many"}}
