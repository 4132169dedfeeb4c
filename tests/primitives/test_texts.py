"""Lazy texts in a definition, and the definition in the active language."""

from operator import mod

from django.utils.functional import SimpleLazyObject, lazy
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy, override, pgettext_lazy

from django_mcp.primitives.texts import follows_language, in_words, lazy_texts
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
        (DEFINITION, ["Yes", "No"]),
        ([{"a": [_("Yes")]}], ["Yes"]),
        ({"a": ("b", _("Yes"))}, ["Yes"]),
        (_("Yes"), ["Yes"]),
        ({"a": ["Yes", None, 1, {}]}, []),
    ],
)
def test_a_lazy_text_is_found_anywhere(value, found):
    assert list(map(str, lazy_texts(value))) == found


@cases(
    ("text", "follows"),
    [
        (_("Yes"), True),
        (pgettext_lazy("a context", "Yes"), True),
        (ngettext_lazy("one", "several", 2), True),
        (ngettext_lazy("one", "several", "number"), True),
        (format_lazy("{a} {b}", a=_("Yes"), b=1.5), True),
        (lazy(mod, str)(_("Yes"), {"a": _("No")}), True),
        (lazy(lambda: "tenant", str)(), False),
        (format_lazy("{a}", a=lazy(lambda: "tenant", str)()), False),
        (format_lazy("{a}", a=SimpleLazyObject(lambda: "tenant")), False),
        (lazy(mod, str)("%(a)s", {"a": lazy(lambda: "tenant", str)()}), False),
    ],
)
def test_a_text_of_translations_alone_follows_the_language(text, follows):
    assert follows_language(text) is follows
