"""Serializers as JSON Schemas, of what they read and of what they write."""

import pytest
from django.contrib.auth.models import Group, User
from rest_framework import serializers

from django_mcp.drf.schemas import fields_of, properties_of, schema_of
from django_mcp.exceptions import Unreadable
from django_mcp.primitives.errors import lines_of


class LegSerializer(serializers.Serializer):
    origin = serializers.CharField(max_length=4)
    km = serializers.FloatField(read_only=True)


class EverythingSerializer(serializers.Serializer):
    id = serializers.IntegerField(read_only=True)
    secret = serializers.CharField(write_only=True, min_length=3)
    name = serializers.CharField(max_length=20, help_text="as on its cover")
    size = serializers.IntegerField(min_value=1, max_value=9, default=3)
    price = serializers.DecimalField(max_digits=6, decimal_places=2, max_value=100, required=False)
    weight = serializers.FloatField(required=False, allow_null=True)
    kind = serializers.ChoiceField(choices=[("a", "A"), ("b", "B")], required=False, allow_null=True)
    kinds = serializers.MultipleChoiceField(choices=["a", "b"], required=False)
    at = serializers.DateTimeField(required=False)
    on = serializers.DateField(required=False)
    lasts = serializers.DurationField(required=False, min_value=__import__("datetime").timedelta(1))
    url = serializers.URLField(required=False)
    key = serializers.UUIDField(required=False)
    tags = serializers.ListField(child=serializers.CharField(), max_length=5, required=False)
    scores = serializers.DictField(child=serializers.IntegerField(), required=False)
    anything = serializers.JSONField(required=False)
    leg = LegSerializer(required=False)
    legs = LegSerializer(many=True, required=False)
    owner = serializers.PrimaryKeyRelatedField(queryset=User.objects.all(), required=False)
    groups = serializers.SlugRelatedField(slug_field="name", queryset=Group.objects.all(), many=True, required=False)
    by = serializers.HiddenField(default="somebody")
    length = serializers.SerializerMethodField()
    shape = serializers.SerializerMethodField()

    def get_length(self, row) -> int:
        return 1

    def get_shape(self, row):
        return "round"


COMMON = {
    "name": {"type": "string", "maxLength": 20, "description": "as on its cover"},
    "size": {"type": "integer", "minimum": 1, "maximum": 9},
    "weight": {"anyOf": [{"type": "number"}, {"type": "null"}]},
    "kind": {"enum": ["a", "b", None]},
    "kinds": {"type": "array", "items": {"enum": ["a", "b"]}},
    "at": {"type": "string", "format": "date-time"},
    "on": {"type": "string", "format": "date"},
    "lasts": {"type": "string"},
    "url": {"type": "string", "format": "uri"},
    "key": {"type": "string", "format": "uuid"},
    "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 5},
    "scores": {"type": "object", "additionalProperties": {"type": "integer"}},
    "anything": {},
    "owner": {"type": "integer"},
    "groups": {"type": "array", "items": {"type": "string"}},
}
READS = {"type": "object", "properties": {"origin": {"type": "string", "maxLength": 4}}, "required": ["origin"]}
WRITES = {"type": "object", "properties": {"origin": {"type": "string", "maxLength": 4}, "km": {"type": "number"}}}


def test_what_a_serializer_reads_leaves_out_what_is_read_only_and_hidden():
    assert schema_of(EverythingSerializer(), "input") == {
        "type": "object",
        "properties": {
            **COMMON,
            "secret": {"type": "string", "minLength": 3},
            "size": {**COMMON["size"], "default": 3},
            "price": {"type": "number", "maximum": 100.0},
            "leg": READS,
            "legs": {"type": "array", "items": READS},
        },
        "required": ["secret", "name"],
    }


def test_what_a_serializer_writes_leaves_out_what_is_write_only():
    assert schema_of(EverythingSerializer(), "output") == {
        "type": "object",
        "properties": {
            **COMMON,
            "id": {"type": "integer"},
            "price": {"type": "string"},
            "leg": WRITES,
            "legs": {"type": "array", "items": WRITES},
            "length": {"type": "integer"},
            "shape": {},
        },
    }


def test_a_list_of_them_is_an_array():
    assert schema_of(LegSerializer(many=True), "output") == {"type": "array", "items": WRITES}


def test_a_file_can_be_written_and_not_read():
    class Upload(serializers.Serializer):
        picture = serializers.FileField()

    assert schema_of(Upload(), "output")["properties"] == {"picture": {"type": "string", "format": "uri"}}
    with pytest.raises(Unreadable, match="picture takes a file"):
        schema_of(Upload(), "input")


def test_a_file_that_need_not_be_given_is_left_out():
    class Attachment(serializers.Serializer):
        picture = serializers.FileField()

    class Ticket(serializers.Serializer):
        title = serializers.CharField()
        picture = serializers.ImageField(required=False)
        others = serializers.ListField(child=serializers.FileField(), required=False)
        attachments = Attachment(many=True, required=False)

    assert schema_of(Ticket(), "input") == {
        "type": "object",
        "properties": {"title": {"type": "string"}},
        "required": ["title"],
    }
    assert properties_of(Attachment(), "input", partial=True) == {}


def test_choices_say_what_they_mean_and_of_many_some_are_named():
    class Ticket(serializers.Serializer):
        status = serializers.ChoiceField(choices=[(1, "Open"), (2, "Closed")], help_text="Where it stands.")
        kind = serializers.ChoiceField(choices=["bug", ("late_bug", "Late bug")], allow_null=True, allow_blank=True)
        kinds = serializers.MultipleChoiceField(choices=[("b", "Bug")])
        zone = serializers.ChoiceField(choices=[f"Zone/{number}" for number in range(598)], allow_null=True)

    assert schema_of(Ticket(), "input")["properties"] == {
        "status": {"enum": [1, 2], "description": "Where it stands. 1: Open; 2: Closed"},
        "kind": {"enum": ["bug", "late_bug", "", None]},
        "kinds": {"type": "array", "items": {"enum": ["b"], "description": "b: Bug"}},
        "zone": {
            "anyOf": [{"type": "string"}, {"type": "null"}],
            "description": "One of 598 choices, such as Zone/0, Zone/1, Zone/2",
        },
    }


def test_fields_are_by_name():
    assert list(fields_of(LegSerializer(), "input")) == ["origin"]
    assert list(fields_of(LegSerializer(), "output")) == ["origin", "km"]


def test_errors_are_lines_that_say_where():
    serializer = EverythingSerializer(data={"name": "x" * 21, "legs": [{"origin": "A"}, {}], "tags": ["a", []]})
    assert not serializer.is_valid()

    assert lines_of(serializer.errors) == [
        "- secret: This field is required.",
        "- name: Ensure this field has no more than 20 characters.",
        "- tags.1: Not a valid string.",
        "- legs.1.origin: This field is required.",
    ]
