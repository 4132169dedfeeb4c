"""Lazy texts in a definition, and the definition in the active language."""

from django.utils.translation import gettext_lazy as _
from django.utils.translation import override

from django_mcp.primitives.texts import in_words, is_translated
from tests.tables import cases

DEFINITION = {"name": "a", "title": _("Yes"), "inputSchema": {"enum": [1, None, _("No")], "description": "It"}}


def test_a_definition_is_in_the_active_language_and_the_declaration_stays_lazy():
    for language, yes, no in [("de", "Ja", "Nein"), ("en", "Yes", "No")]:
        with override(language):
            words = in_words(DEFINITION)
        assert words == {"name": "a", "title": yes, "inputSchema": {"enum": [1, None, no], "description": "It"}}


@cases(
    ("value", "found"),
    [
        (DEFINITION, True),
        ([{"a": [_("Yes")]}], True),
        ({"a": ("b", _("Yes"))}, True),
        (_("Yes"), True),
        ({"a": ["Yes", None, 1, {}]}, False),
    ],
)
def test_a_lazy_text_is_found_anywhere(value, found):
    assert is_translated(value) is found
