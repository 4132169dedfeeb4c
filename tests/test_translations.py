"""Each string that a person reads is marked for translation, and each catalogue has all of them."""

import ast
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from itertools import product
from pathlib import Path
from typing import Any

import django
from babel.core import Locale
from babel.messages.mofile import read_mo
from babel.messages.plurals import get_plural
from django.template.base import Lexer, TokenType

from tests import catalogues
from tests.tables import cases

MARKERS = {*catalogues.KEYWORDS}
WORD = re.compile(r"[^\W\d_]{2,}")
NAMES = {"MCP", "HTTP", "p50", "p95", "p99"}
"""Words that are the same in every language."""

KEYWORDS = {"verbose_name", "verbose_name_plural", "help_text", "label", "hint", "empty_label", "error_messages"}
ATTRIBUTES = {"verbose_name", "verbose_name_plural", "help_text", "title", "search_help_text", "short_description"}
TOLD = {"message_user", "success", "error", "warning", "info", "add_message"}
"""The functions that tell a person something: their second argument is read."""

RAISED = {"ValidationError", "SwitchError", "CannotReplay"}
CHECKED = {"Error", "Warning", "Info"}
"""The messages of system checks."""

SHOWN = {"display", "filter"}
"""The decorators of functions whose results are shown."""

STYLES = {"SUCCESS", "WARNING", "ERROR", "NOTICE", "MIGRATE_HEADING"}
"""The functions that give a command's text its color."""

PRINTED = {"CommandError": slice(0, 1), "Unreachable": slice(0, 1), "Finding": slice(2, 4), "Change": slice(1, 2)}
"""The arguments of these that commands print."""

PRINTING = {"_say", "_read"}


def name_of(node: ast.AST) -> str:
    """The last name of a call's function, or of a decorator."""
    node = node.func if isinstance(node, ast.Call) else node
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def words(node: ast.AST | None) -> Iterator[str]:
    """The texts in an expression that no function of gettext has."""
    match node:
        case ast.Constant(value=str(text)):
            if any(word not in NAMES for word in WORD.findall(re.sub(r"<[^>]*>|%\(\w+\)\w|\{\w*\}", " ", text))):
                yield text
        case ast.JoinedStr(values=parts) | ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.BoolOp(values=parts):
            for part in parts:
                yield from words(part)
        case ast.BinOp():
            yield from words(node.left)
            yield from words(node.right if isinstance(node.op, ast.Add) else None)
        case ast.IfExp():
            yield from words(node.body)
            yield from words(node.orelse)
        case ast.Dict(values=values):
            for value in values:
                yield from words(value)
        case ast.Call() if name_of(node) == "format_html" or name_of(node) in STYLES:
            for argument in node.args:
                yield from words(argument)
        case ast.GeneratorExp():
            yield from words(node.elt)


def read(node: ast.AST) -> Iterator[ast.AST | None]:
    """The expressions of a node that people read."""
    match node:
        case ast.Call():
            name = name_of(node)
            for keyword in node.keywords:
                if keyword.arg in KEYWORDS or (keyword.arg == "description" and name in {"display", "action"}):
                    yield keyword.value
            if name.endswith(("Field", "ForeignKey")) and node.args and name != "JSONSchemaField":
                yield node.args[0] if isinstance(node.args[0], ast.Constant) else None
            if (
                name in TOLD
                and isinstance(node.func, ast.Attribute)
                and name_of(node.func.value) in {"messages", "self"}
            ):
                yield from node.args[1:2]
            if name in RAISED | CHECKED:
                yield from node.args[:1]
        case ast.ClassDef():
            for line in node.body:
                if isinstance(line, ast.Assign) and name_of(line.targets[0]) in ATTRIBUTES:
                    yield line.value
                if isinstance(line, ast.Assign) and "TextChoices" in map(name_of, node.bases):
                    yield line.value.elts[1]
        case ast.Assign(targets=[ast.Name(id="hint")]):
            yield node.value
        case ast.Tuple(elts=[heading, ast.Dict(keys=[ast.Constant(value="fields"), *_])]):
            yield heading
        case ast.Dict():
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and key.value in {"title", "subtitle"}:
                    yield value
        case ast.FunctionDef(name="lookups"):
            pairs = [pair for pair in ast.walk(node) if isinstance(pair, ast.Tuple) and len(pair.elts) == 2]
            yield from (pair.elts[1] for pair in pairs)
        case ast.FunctionDef() if SHOWN & set(map(name_of, node.decorator_list)):
            yield from (line.value for line in ast.walk(node) if isinstance(line, ast.Return))


def printed(node: ast.AST) -> Iterator[ast.AST | None]:
    """The expressions of a command's node that people read: its help, its output and its errors."""
    match node:
        case ast.Call():
            name = name_of(node)
            yield from node.args[PRINTED.get(name, slice(0))]
            yield from node.args if name in PRINTING else ()
            if name == "write" and name_of(node.func.value) in {"stdout", "stderr"}:
                yield from node.args[:1]
            if name in {"add_argument", "add_parser"}:
                yield from (keyword.value for keyword in node.keywords if keyword.arg == "help")
        case ast.Assign(targets=[ast.Name(id="help" | "epilog" | "exit_codes" | "advice" | "text" | "told")]):
            yield node.value
        case ast.Yield() | ast.YieldFrom():
            yield node.value


def unmarked(source: str, *, is_command: bool = False) -> list[str]:
    readers = (read, printed) if is_command else (read,)
    nodes = [*ast.walk(ast.parse(source))]
    return [text for reader in readers for node in nodes for place in reader(node) for text in words(place)]


class Texts(HTMLParser):
    """The texts of a page that people read, also those in attributes."""

    read = {"title", "placeholder", "aria-label", "alt", "summary"}

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.raw = 0

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.raw += tag in {"style", "script", "pre", "code"}
        is_button = tag == "input" and dict(attributes).get("type") == "submit"
        self.found += [
            value or "" for name, value in attributes if name in self.read or (is_button and name == "value")
        ]

    def handle_endtag(self, tag: str) -> None:
        self.raw -= tag in {"style", "script", "pre", "code"}

    def handle_data(self, data: str) -> None:
        if not self.raw:
            self.found.append(data)


def texts_of(html: str) -> list[str]:
    parser = Texts()
    parser.feed(html)
    parser.close()
    return [text.strip() for text in parser.found if any(word not in NAMES for word in WORD.findall(text))]


def without_tags(template: str) -> str:
    """A template's HTML, without what Django puts there, and without the blocks that are marked."""
    kept, is_marked = [], False
    for token in Lexer(template).tokenize():
        if token.token_type == TokenType.BLOCK:
            tag = token.split_contents()[0]
            is_marked = (is_marked or tag.startswith("blocktrans")) and not tag.startswith("endblocktrans")
        if token.token_type == TokenType.TEXT and not is_marked:
            kept.append(token.contents)
    return "".join(kept)


@cases("path", catalogues.modules())
def test_a_module_marks_the_strings_that_people_read(path):
    assert unmarked(path.read_text(encoding="utf-8"), is_command="management" in path.parts) == [], path


def hidden(source: str) -> list[str]:
    """The texts that are marked inside of an f-string, where the catalogue's extraction does not look."""
    calls = [one for node in ast.walk(ast.parse(source)) if isinstance(node, ast.JoinedStr) for one in ast.walk(node)]
    return [ast.unparse(one) for one in calls if isinstance(one, ast.Call) and name_of(one) in {"_", *MARKERS}]


@cases("path", catalogues.modules())
def test_a_string_is_marked_where_it_is_found(path):
    assert hidden(path.read_text(encoding="utf-8")) == [], path
    assert hidden("f\"{_('in all'):<52}\"") == ["_('in all')"]


@cases("language", catalogues.LANGUAGES)
def test_an_objection_keeps_the_mark_before_its_remedy(language):
    """mcp_doctor prints them on two lines."""
    ours = {entry.id: entry.string for entry in catalogues.read(language) if isinstance(entry.id, str)}
    source = catalogues.PACKAGE / "primitives" / "readiness.py"
    objections = [text for _line, text, _comments, _context in catalogues._extract(source) if ": " in text]

    assert len(objections) == 7
    assert [ours[text] for text in objections if ": " not in ours[text]] == []


@cases("path", catalogues.templates())
def test_a_template_marks_the_strings_that_people_read(path):
    assert texts_of(without_tags(path.read_text(encoding="utf-8"))) == [], path


def forms(entry: Any) -> list[str]:
    return list(entry.string) if isinstance(entry.string, list | tuple) else [entry.string]


def english(entry: Any) -> list[str]:
    return list(entry.id) if isinstance(entry.id, list | tuple) else [entry.id]


def placeholders(text: str) -> list[str]:
    """The places of values in a text, and its tags: a translation may move them, and no more."""
    return sorted(re.findall(r"%\(\w+\)[a-z]|%[a-z%]|\{\w*\}|</?\w+[^>]*>|\[…\]|#", text))


def keys(catalog: Any) -> set[tuple[str, ...]]:
    return {(*english(entry), entry.context or "") for entry in catalog if entry.id}


@cases(("language", "domain"), product(catalogues.LANGUAGES, catalogues.DOMAINS))
def test_a_catalogue_has_each_marked_string_and_its_translation(language, domain):
    """`make messages` adds what is missing, and says what it is."""
    catalog = catalogues.read(language, domain)

    assert keys(catalog) == keys(catalogues.marked(domain))
    assert [english(entry) for entry in catalog if entry.id and not catalogues.is_translated(entry)] == []


@cases(("language", "domain"), product(catalogues.LANGUAGES, catalogues.DOMAINS))
def test_a_translation_has_the_placeholders_and_the_plural_forms_that_it_needs(language, domain):
    catalog = catalogues.read(language, domain)
    plural = get_plural(Locale.parse(language))

    assert (catalog.num_plurals, catalog.plural_expr) == (plural.num_plurals, plural.plural_expr)
    for entry in (entry for entry in catalog if entry.id):
        assert len(forms(entry)) == (plural.num_plurals if entry.pluralizable else 1), entry.id
        wanted = [placeholders(text) for text in english(entry)]
        assert all(placeholders(text) in wanted for text in forms(entry)), entry.id


@cases(("language", "domain"), product(catalogues.LANGUAGES, catalogues.DOMAINS))
def test_a_compiled_catalogue_is_that_of_its_text(language, domain):
    with catalogues.path_of(language, domain, ".mo").open("rb") as file:
        compiled = read_mo(file)

    assert {(*english(entry), entry.context): forms(entry) for entry in compiled if entry.id} == {
        (*english(entry), entry.context): forms(entry) for entry in catalogues.read(language, domain) if entry.id
    }


@cases("language", catalogues.LANGUAGES)
def test_a_string_that_django_has_too_is_translated_as_django_does(language):
    """All catalogues of a project are one: another word would change the pages of other apps."""
    ours = {entry.id: entry.string for entry in catalogues.read(language) if isinstance(entry.id, str)}
    compiled = f"locale/{language}/LC_MESSAGES/django.mo"
    for place in ("conf", "contrib/admin", "contrib/auth", "contrib/sessions"):
        with Path(django.__file__).parent.joinpath(place, compiled).open("rb") as file:
            theirs = {one.id: one.string for one in read_mo(file) if isinstance(one.id, str) and not one.context}
        shared = ours.keys() & theirs.keys() - {""}
        assert {text: ours[text] for text in shared} == {text: theirs[text] for text in shared}, place


@cases(
    ("source", "found"),
    [
        ('class A:\n    class Meta:\n        verbose_name = "a call"', ["a call"]),
        ('class A:\n    class Meta:\n        verbose_name = _("a call")', []),
        ('name = models.CharField("the name", max_length=5)', ["the name"]),
        ('name = models.CharField(_("the name"), help_text="What it is for")', ["What it is for"]),
        ('@admin.display(description="of whom")\ndef whose(self): return f"{self.age} ago"', ["of whom", " ago"]),
        ('messages.success(request, f"{count} are closed.")', [" are closed."]),
        ('messages.success(request, _("%(count)d are closed.") % {"count": count})', []),
        ('raise SwitchError("Name it." if a else _("Name it."))', ["Name it."]),
        ('Error(_("It is wrong."), hint="Mend " + name, id="a.E001")', ["Mend "]),
        ('def lookups(self): return [("live", "Live now"), ("dead", _("Dead"))]', ["Live now"]),
        ('sets = ((_("Now"), {"fields": ()}), ("Times", {"fields": ()}))', ["Times"]),
        ('class Status(models.TextChoices):\n    DONE = "done", "it is done"', ["it is done"]),
    ],
)
def test_a_string_that_is_not_marked_is_found_in_a_module(source, found):
    assert sorted(unmarked(source)) == sorted(found)


@cases(
    ("source", "found"),
    [
        ('self.stdout.write("Done.")', ["Done."]),
        ('self.stderr.write(f"Wrote {path}.", style_func=str)', ["Wrote "]),
        ('self.stdout.write(self.style.SUCCESS("Done."))', ["Done."]),
        ('self.stdout.write(_("Wrote %(path)s.") % {"path": path})', []),
        ('self.stdout.write(json.dumps(found), ending="")', []),
        ('raise CommandError(f"There is no user {name!r}.", returncode=2)', ["There is no user "]),
        ('raise CommandError(_("There is none.") if a else "There is another.")', ["There is another."]),
        ('parser.add_argument("--days", metavar="N", help="only old ones")', ["only old ones"]),
        ('verbs.add_parser("off", help=_("stop something"))', []),
        ('class Command(BaseCommand):\n    help = "Delete old sessions."', ["Delete old sessions."]),
        ('class Command(HelpfulCommand):\n    exit_codes = {"0": _("well"), "1": "badly"}', ["badly"]),
        ('yield Finding("https", "ok", "It is https.", _("Serve it."))', ["It is https."]),
        ('yield Finding("https", "ok", text)\ntext = "It is https."', ["It is https."]),
        ('yield from (f"{name} is gone" for name in removed)', [" is gone"]),
    ],
)
def test_a_string_that_is_not_marked_is_found_in_a_command(source, found):
    assert unmarked(source, is_command=True) == found


@cases(
    ("template", "found"),
    [
        ("<p>{% translate 'Text' %} {{ value }} p95 <code>tools/call</code></p>", []),
        ("<p>Text</p><style>p {}</style><script>let word;</script>", ["Text"]),
        ("{% blocktranslate count n=n %}One call{% plural %}{{ n }} calls{% endblocktranslate %} more", ["more"]),
        ('<input type="submit" value="Send"><button value="yes"></button><img alt="A picture">', ["Send", "A picture"]),
    ],
)
def test_a_string_that_is_not_marked_is_found_in_a_template(template, found):
    assert texts_of(without_tags(template)) == found
