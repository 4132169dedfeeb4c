"""A serializer is shown as a form, and its answer is validated as DRF validates."""

import pytest
from rest_framework import serializers

from django_mcp import Context, MCPServer
from django_mcp.contrib.serializer_forms import SerializerForm
from django_mcp.primitives.elicitation_forms import InvalidAnswer


class BookSerializer(serializers.Serializer):
    id = serializers.IntegerField(read_only=True)
    title = serializers.CharField(max_length=20, help_text="as on its cover")
    pages = serializers.IntegerField(min_value=1, required=False)
    price = serializers.DecimalField(max_digits=6, decimal_places=2, max_value=100, required=False)
    binding = serializers.ChoiceField(choices=[("hard", "Hardcover"), ("soft", "Paperback")], default="soft")
    genres = serializers.MultipleChoiceField(choices=[("sf", "Science fiction"), ("c", "Crime")], required=False)
    contact = serializers.EmailField(required=False)
    signed = serializers.BooleanField(default=False)
    owner = serializers.HiddenField(default="somebody")


class ShelfSerializer(serializers.Serializer):
    book = BookSerializer()


def test_each_field_is_described_as_the_serializer_declares_it():
    assert SerializerForm(BookSerializer).schema == {
        "type": "object",
        "properties": {
            "title": {"type": "string", "title": "Title", "description": "as on its cover", "maxLength": 20},
            "pages": {"type": "integer", "title": "Pages", "minimum": 1},
            "price": {"type": "number", "title": "Price", "maximum": 100.0},
            "binding": {
                "type": "string",
                "title": "Binding",
                "oneOf": [{"const": "hard", "title": "Hardcover"}, {"const": "soft", "title": "Paperback"}],
                "default": "soft",
            },
            "genres": {
                "type": "array",
                "title": "Genres",
                "items": {"anyOf": [{"const": "sf", "title": "Science fiction"}, {"const": "c", "title": "Crime"}]},
            },
            "contact": {"type": "string", "format": "email", "title": "Contact"},
            "signed": {"type": "boolean", "title": "Signed", "default": False},
        },
        "required": ["title"],
    }


def test_the_answer_is_the_validated_data():
    data = SerializerForm(BookSerializer).read({"title": " Emma ", "pages": 400, "signed": True})

    assert data == {"title": "Emma", "pages": 400, "binding": "soft", "signed": True, "owner": "somebody"}


def test_what_does_not_fit_is_named_field_by_field():
    with pytest.raises(InvalidAnswer, match=r"title: This field is required\.; pages: Ensure this value"):
        SerializerForm(BookSerializer).read({"pages": 0})


def test_a_serializer_that_no_form_can_hold_is_refused():
    with pytest.raises(TypeError, match=r"book \(BookSerializer\)"):
        SerializerForm(ShelfSerializer)


@pytest.mark.django_db
@pytest.mark.urls("tests.contrib.urls")
def test_a_tool_asks_with_a_serializer(connect):
    client = connect("/books", answers={"elicit": {"title": "Emma"}})

    assert client.call_tool("register").text == "Emma, soft"


books = MCPServer("books")


@books.tool
def register(ctx: Context) -> str:
    """Registers a book."""
    answer = ctx.elicit("Which book?", SerializerForm(BookSerializer))
    return f"{answer.data['title']}, {answer.data['binding']}" if answer.accepted else "None."
