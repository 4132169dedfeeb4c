"""Model fields as types: what a schema says of each kind of column."""

import pytest
from django.contrib.auth.models import User
from django.contrib.postgres.fields import HStoreField
from django.core.exceptions import ImproperlyConfigured
from django.core.validators import MaxValueValidator, MinLengthValidator
from django.db import models
from pydantic import TypeAdapter, ValidationError

from django_mcp.contrib import model_fields
from django_mcp.models import Session
from testproject.airports.models import Airport, Leg
from tests.tables import cases


def schema_of(field, lookup="exact"):
    field.set_attributes_from_name("thing")
    return TypeAdapter(model_fields.filter_type(field, lookup)).json_schema()


@cases(
    ("field", "schema"),
    [
        (models.CharField(max_length=5), {"type": "string", "maxLength": 5}),
        (models.TextField(validators=[MinLengthValidator(2)]), {"type": "string", "minLength": 2}),
        (models.BooleanField(), {"type": "boolean"}),
        (models.FloatField(validators=[MaxValueValidator(9.5)]), {"type": "number", "maximum": 9.5}),
        (models.DateField(), {"type": "string", "format": "date"}),
        (models.DateTimeField(), {"type": "string", "format": "date-time"}),
        (models.UUIDField(), {"type": "string", "format": "uuid"}),
        (models.CharField(choices=[("a", "A"), ("b", "B")]), {"type": "string", "enum": ["a", "b"]}),
        (
            models.IntegerField(choices=[("Group", [(1, "one")])]),
            {"type": "integer", "const": 1, "description": "1: one"},
        ),
        (
            models.CharField(help_text="Food.", choices=[("m", "Meat"), ("p", "Plants")], blank=True),
            {"type": "string", "enum": ["m", "p", ""], "description": "Food. m: Meat; p: Plants"},
        ),
        (models.TextField("what for"), {"type": "string", "description": "what for"}),
        (models.TextField(help_text="In words."), {"type": "string", "description": "In words."}),
        (models.JSONField(), {}),
    ],
)
def test_a_field_is_described_as_it_is(field, schema):
    assert schema_of(field) == schema


def test_a_lookup_has_the_type_that_it_takes():
    assert schema_of(models.DateField(), "isnull") == {"type": "boolean"}
    assert schema_of(models.CharField(max_length=5), "in") == {
        "type": "array",
        "items": {"type": "string", "maxLength": 5},
        "maxItems": 100,
    }


def test_decimals_keep_their_digits():
    field = models.DecimalField(max_digits=4, decimal_places=2)
    field.set_attributes_from_name("price")
    adapter = TypeAdapter(model_fields.parameter_type(field))

    assert str(adapter.validate_python("12.50")) == "12.50"
    for wrong in ("123.45", "1.234", "NaN"):
        with pytest.raises(ValidationError):
            adapter.validate_python(wrong)


def test_a_float_is_a_number():
    field = models.FloatField()
    field.set_attributes_from_name("thing")
    with pytest.raises(ValidationError):
        TypeAdapter(model_fields.parameter_type(field)).validate_python(float("inf"))


def test_paths_lead_over_relations():
    assert model_fields.resolve(Leg, "origin__country") is Airport._meta.get_field("country")
    assert model_fields.resolve(Leg, "plan__owner__pk") is User._meta.pk


def test_a_field_that_clients_cannot_read_is_refused():
    field = models.BinaryField()
    field.set_attributes_from_name("thing")
    with pytest.raises(ImproperlyConfigured, match="leave it out of fields"):
        model_fields.type_of(field)


def test_a_relation_that_leads_nowhere_is_null():
    assert model_fields.value_at(Session(user=None), "user__username") is None
    row = model_fields.row_type(Session, ["server", "user__username"])
    shown = {"server": "x", "user__username": None}
    assert TypeAdapter(row).validate_python(shown) == shown


def test_a_lookup_that_fails_in_the_database_is_refused():
    """Django says that an hstore has it, since every field has."""
    with pytest.raises(ImproperlyConfigured, match="no lookup 'gte'; use one of exact, contains, in, isnull"):
        model_fields.filter_type(HStoreField(name="pairs"), "gte")
