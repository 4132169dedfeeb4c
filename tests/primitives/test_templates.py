"""Templates of Django's as text, in a language."""

import pytest
from asgiref.sync import async_to_sync
from django.utils.translation import get_language, gettext

from django_mcp.primitives.templates import in_language, rendered
from tests.answering import CALLER  # noqa: F401
from tests.tables import cases

TEMPLATES = {
    "note.txt": "{{ title }} & {{ body }}{% if ctx %}!{% endif %}",
    "note.html": "<b>{{ title }}</b>",
}


@pytest.fixture(autouse=True)
def templates(settings):
    loader = ("django.template.loaders.locmem.Loader", TEMPLATES)
    settings.TEMPLATES = [
        {"BACKEND": "django.template.backends.django.DjangoTemplates", "OPTIONS": {"loaders": [loader]}}
    ]


def note(title: str) -> dict[str, str]:
    return {"body": f"<{title}>"}


async def note_later(title: str) -> dict[str, str]:
    return {"body": f"<{title}>"}


@cases("function", [note, note_later])
def test_text_is_not_escaped_and_html_is(function):
    def render(template):
        made = rendered(function, template)
        return (async_to_sync(made) if function is note_later else made)(title="a & b")

    assert render("note.txt") == "a & b & <a & b>"
    assert render("note.html") == "<b>a &amp; b</b>"


def test_arguments_alone_are_a_context():
    assert rendered(lambda title: None, "note.html")(title="x") == "<b>x</b>"


def test_what_the_function_returns_comes_before_the_arguments():
    assert rendered(lambda title: {"title": "y"}, "note.html")(title="x") == "<b>y</b>"


def test_a_function_that_returns_text_is_told_what_to_return():
    with pytest.raises(TypeError, match="returns the template's context"):
        rendered(lambda title: "text", "note.txt")(title="x")


def test_another_engine_renders_its_own_way(settings, tmp_path):
    pytest.importorskip("jinja2")
    (tmp_path / "note.txt").write_text("{{ title }} {{ body|upper }}")
    settings.TEMPLATES = [{"BACKEND": "django.template.backends.jinja2.Jinja2", "DIRS": [tmp_path]}]

    assert rendered(note, "note.txt")(title="x") == "x &lt;X&gt;"


def yes() -> str:
    return f"{get_language()} {gettext('Yes')}"


async def yes_later() -> str:
    return f"{get_language()} {gettext('Yes')}"


def test_a_function_runs_in_a_language_and_leaves_none_behind():
    before = get_language()

    assert in_language(yes, "de")() == "de Ja"
    assert async_to_sync(in_language(yes_later, "fr"))() == "fr Oui"
    assert in_language(yes, None) is yes
    assert get_language() == before
