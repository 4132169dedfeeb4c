"""Rows of any project's models: each kind of field is read and written as what it is, or refused with the way out."""

import pytest
from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ImproperlyConfigured
from django.db import DataError, connection, models
from django.test.utils import isolate_apps
from pydantic import TypeAdapter, ValidationError

from django_mcp import MCPServer
from django_mcp.contrib import field_kinds, model_fields
from django_mcp.contrib.admin_toolset import from_admin
from django_mcp.contrib.model_fields import register_field
from django_mcp.contrib.model_toolset import ModelToolset
from django_mcp.primitives.context import Caller, Principal
from tests.answering import CALLER, MODERN, ask
from tests.contrib import zoo
from tests.contrib.zoo import Animal, Code, Odd, PointField, Puma, Seat, Sighting, Tag
from tests.tables import cases

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module", autouse=True)
def tables(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock():
        zoo.make_tables()
    yield
    with django_db_blocker.unblock():
        zoo.drop_tables()


@pytest.fixture(autouse=True)
def content_types_of_this_test():
    ContentType.objects.clear_cache()
    yield
    ContentType.objects.clear_cache()


class Animals(ModelToolset):
    model = Animal
    fields = ("id", "name", "diet", "zone", "country", "facts", "_collar", "copy", "loud", "tags", "best")
    operations = ("list", "get", "count", "aggregate", "create", "update", "delete")
    filters = ("diet", "zone", "tags__in", "tags__isnull", "tags", "_collar", "scan__isnull")
    model_permissions = False


class Codes(ModelToolset):
    model = Code
    fields = ("code", "size")
    operations = ("list", "get", "create", "update")
    writable = ("code", "size")
    model_permissions = False


class Sightings(ModelToolset):
    model = Sighting
    fields = ("code", "at", "clock", "span", "address", "facts")
    writable = fields
    operations = ("list", "count", "create", "update")
    filters = ("at__gte", "clock", "address", "address__startswith", "facts", "facts__icontains")
    model_permissions = False


server = MCPServer("zoo", version="1")
server.toolset(Animals)
server.toolset(Codes)
server.toolset(Sightings)


def call(name, arguments=None, on=server, user=None):
    caller = CALLER if user is None else Caller(Principal(f"user:{user.pk}", user), CALLER.get_request)
    return ask(on, "tools/call", {"name": name, "arguments": arguments or {}}, MODERN, caller=caller).result


def made(tool, /, **arguments):
    result = call(tool, arguments)
    assert not result["isError"], result
    return result["structuredContent"]


def refusal(name, arguments, **more):
    result = call(name, arguments, **more)
    assert result["isError"]
    return result["content"][0]["text"]


def test_a_row_of_every_kind_is_made_read_and_changed():
    striped, tame = Tag.objects.create(name="striped"), Tag.objects.create(name="tame")

    zebra = made("create_animal", name="Zebra", country="KE", tags=[striped.pk, tame.pk], _collar="7")
    assert zebra == {
        "id": str(Animal.objects.get().pk),
        "name": "Zebra",
        "diet": "p",
        "zone": "",
        "country": "KE",
        "facts": {},
        "_collar": "7",
        "copy": False,
        "loud": "ZEBRA",
        "tags": [striped.pk, tame.pk],
        "best": None,
    }
    changes = {"name": "Okapi", "tags": [tame.pk], "country": "CD", "facts": {"legs": 4}, "_collar": "", "copy": True}
    okapi = made("update_animal", pk=zebra["id"], changes=changes)
    assert okapi == {**zebra, **changes, "loud": "OKAPI"}
    assert made("get_animal", pk=zebra["id"]) == okapi
    assert made("list_animals", tags__in=[tame.pk, striped.pk], diet="p")["items"] == [okapi]
    assert made("list_animals", tags=striped.pk)["items"] == []


def test_keys_of_many_rows_are_read_in_one_query_more(django_assert_num_queries):
    tags = [Tag.objects.create(name=name) for name in "ab"]
    for name in ("Ape", "Bear", "Cat"):
        Animal.objects.create(name=name).tags.set(tags)

    # And the savepoint of the call's transaction.
    with django_assert_num_queries(2 + 2):
        assert len(made("list_animals")["items"]) == 3


@pytest.fixture
def rows_in_any_order():
    """SQLite turns rows without an order round. PostgreSQL gives them as they were written."""

    def turn_round(switch):
        if connection.vendor == "sqlite":
            with connection.cursor() as cursor:
                cursor.execute(f"PRAGMA reverse_unordered_selects = {switch}")

    turn_round("ON")
    yield
    turn_round("OFF")


def test_keys_of_many_rows_are_sorted_where_their_model_has_no_order(rows_in_any_order):
    first, second = [Tag.objects.create(name=name) for name in "ab"]
    ape = Animal.objects.create(name="Ape")
    for tag in (second, first):
        ape.tags.add(tag)

    assert made("get_animal", pk=str(ape.pk))["tags"] == [first.pk, second.pk]
    assert made("list_animals")["items"][0]["tags"] == [first.pk, second.pk]


def test_only_rows_that_may_be_named_are_related():
    secret = Tag.objects.create(name="x", secret="s")

    text = refusal("create_animal", {"name": "Ape", "tags": [secret.pk, 0]})
    assert text == f"Not saved:\n- tags: There is no Метка {secret.pk}, 0."
    assert not Animal.objects.exists()


def test_a_value_that_must_be_there_is_called_required():
    pk = made("create_animal", name="Ape")["id"]

    assert refusal("update_animal", {"pk": pk, "changes": {"facts": None}}) == (
        "Not saved:\n- facts: This field is required."
    )


def test_a_row_that_would_be_hidden_afterwards_is_not_saved():
    class Hiding(Animals):
        fields = ("id", "name", "hidden")
        filters = ()

    hiding = MCPServer("hiding", version="1")
    hiding.toolset(Hiding)

    text = refusal("create_animal", {"name": "Yeti", "hidden": True}, on=hiding)
    assert text == "Not saved: the animal would not be among those that you see."
    assert not Animal._base_manager.exists()


def test_a_new_row_is_not_written_over_one_that_the_manager_hides():
    Sighting.objects.create(code="a", facts={"legs": 2}, hidden=True)

    text = refusal("create_sighting", {"code": "a", "facts": {"legs": 4}})
    assert text == "The sighting conflicts with one that is there."
    assert Sighting._base_manager.values("facts", "hidden").get() == {"facts": {"legs": 2}, "hidden": True}


def test_a_row_that_is_deleted_while_it_is_changed_does_not_come_back():
    class Late(Sightings):
        def prepare(self, row):
            Sighting.objects.filter(pk=row.pk).delete()

    late = MCPServer("late", version="1")
    late.toolset(Late)
    Sighting.objects.create(code="a")

    text = refusal("update_sighting", {"pk": "a", "changes": {"facts": {"legs": 4}}}, on=late)
    assert text == "There is no sighting a."


def test_the_value_of_a_field_that_is_not_declared_is_not_told_when_it_is_invalid():
    Sighting.objects.create(code="a", ring="hunter2")

    text = refusal("update_sighting", {"pk": "a", "changes": {"facts": {"legs": 4}}})
    assert text == "Not saved:\n- ring: Its value is not valid."


def test_a_value_that_the_database_alone_refuses_is_not_saved(monkeypatch):
    def save(row, **options):
        raise DataError("integer out of range")

    monkeypatch.setattr(Sighting, "save", save)

    assert refusal("create_sighting", {"code": "a"}) == "Not saved: the database cannot store one of the values."


def test_a_saved_row_is_read_where_it_was_written(monkeypatch, settings):
    written = []

    class Replica:
        def db_for_read(self, model, **hints):
            return "replica" if written else None

    def save(row, **options):
        models.Model.save(row, **options)
        written.append(row)

    settings.DATABASE_ROUTERS = [Replica()]
    monkeypatch.setattr(Sighting, "save", save)

    assert made("create_sighting", code="a")["code"] == "a"


def test_a_row_is_listed_once_by_whether_it_has_others():
    ape = Animal.objects.create(name="Ape")
    ape.tags.set([Tag.objects.create(name=name) for name in "ab"])

    assert [row["name"] for row in made("list_animals", tags__isnull=False)["items"]] == ["Ape"]
    assert made("count_animals", tags__isnull=True) == 0


def test_rows_are_filtered_by_whether_they_have_what_clients_cannot_read():
    Animal.objects.create(name="Ape", scan=b"1")

    assert (made("count_animals", scan__isnull=False), made("count_animals", scan__isnull=True)) == (1, 0)


def test_a_key_that_is_text_is_given_once():
    assert made("create_code", code="a", size=2) == {"code": "a", "size": 2}
    assert refusal("update_code", {"pk": "a", "changes": {"code": "b"}}).endswith("changes.code: Unknown argument")
    assert refusal("create_code", {"code": "b", "size": 3}).endswith("'3' is none of the 2 choices; near: none")
    assert refusal("create_code", {"code": "a"}) == "Not saved:\n- code: Post (draft) with this Code already exists."


def test_a_key_of_several_columns_is_a_list():
    class Seats(ModelToolset):
        model = Seat
        fields = ("pk", "row", "number", "taken")
        operations = ("list", "get", "create", "update", "delete")
        model_permissions = False

    seats = MCPServer("seats", version="1")
    seats.toolset(Seats)
    free = {"pk": ["A", 3], "row": "A", "number": 3, "taken": False}

    assert call("create_seat", {"row": "A", "number": 3}, on=seats)["structuredContent"] == free
    moved = {"pk": ["A", 3], "changes": {"number": 4}}
    assert refusal("update_seat", moved, on=seats).endswith("changes.number: Unknown argument")
    taken = call("update_seat", {"pk": ["A", 3], "changes": {"taken": True}}, on=seats)["structuredContent"]
    assert call("list_seats", on=seats)["structuredContent"]["items"] == [taken] == [{**free, "taken": True}]
    call("delete_seat", {"pk": ["A", 3]}, on=seats)
    assert not Seat.objects.exists()


def test_a_row_in_two_tables_is_one():
    class Pumas(ModelToolset):
        model = Puma
        fields = ("code", "weight")
        operations = ("get", "create", "update")
        writable = ("code", "weight")
        model_permissions = False

    pumas = MCPServer("pumas", version="1")
    pumas.toolset(Pumas)

    call("create_puma", {"code": "p", "weight": 50}, on=pumas)
    call("update_puma", {"pk": "p", "changes": {"weight": 60}}, on=pumas)
    assert call("get_puma", {"pk": "p"}, on=pumas)["structuredContent"] == {"code": "p", "weight": 60}
    assert refusal("update_puma", {"pk": "p", "changes": {"code": "q"}}, on=pumas).endswith("Unknown argument")
    assert Code.objects.count() == 1


# Values that no column holds

UNHELD = [
    ("at", "0001-01-01T00:00:00+05:00", "the year is not between 1 and 9999 in UTC"),
    ("at", "9999-12-31T23:59:59-05:00", "the year is not between 1 and 9999 in UTC"),
    ("facts", {"legs": ["\x00"]}, "the text has characters that cannot be stored"),
    ("facts", {"\x00": 4}, "the text has characters that cannot be stored"),
    ("facts", "\ud800", "the text has characters that cannot be stored"),
    ("facts", [1e999], "the number is not finite"),
]


@cases(("field", "value", "reason"), UNHELD, undone=True)
def test_a_value_that_not_every_database_holds_is_refused_by_name(field, value, reason):
    Sighting.objects.create(code="a")

    text = refusal("create_sighting", {"code": "b", field: value})
    assert text == f"Invalid arguments for create_sighting:\n- {field}: Value error, {reason}"
    text = refusal("update_sighting", {"pk": "a", "changes": {field: value}})
    assert text == f"Invalid arguments for update_sighting:\n- changes.{field}: Value error, {reason}"


@cases(
    ("name", "value", "reason"),
    [
        ("at__gte", "0001-01-01T00:00:00+05:00", "the year is not between 1 and 9999 in UTC"),
        ("address", "abc", "the text is no IPv4 or IPv6 address"),
        ("address", ":::", "the text is no IPv4 or IPv6 address"),
        ("address__startswith", "\x00", "the text has characters that cannot be stored"),
        ("facts", [1e999], "the number is not finite"),
        ("facts__icontains", "\x00", "the text has characters that cannot be stored"),
    ],
)
def test_a_filters_value_that_not_every_database_compares_is_refused_by_name(name, value, reason):
    text = refusal("count_sightings", {name: value})
    assert text == f"Invalid arguments for count_sightings:\n- {name}: Value error, {reason}"


@pytest.mark.skipif(connection.features.has_native_duration_field, reason="its durations are longer than Python's")
def test_a_duration_of_more_than_64_bits_is_refused_by_name():
    text = refusal("create_sighting", {"code": "a", "span": "P106751992D"})
    assert text == (
        "Invalid arguments for create_sighting:\n- span: Value error, the duration is too long to be stored"
    )
    assert made("create_sighting", code="a", span="P106751991D")["span"] == "P292471Y76D"


def test_part_of_an_address_and_of_json_is_text():
    Sighting.objects.create(code="a", address="10.1.2.3", facts={"legs": "four"})

    assert [
        made("count_sightings", **{name: part})
        for name, part in (("address__startswith", "10.1"), ("facts__icontains", "FOUR"), ("address", "10.1.2.3"))
    ] == [1] * 3
    assert refusal("count_sightings", {"facts__icontains": {"legs": 4}}).endswith(
        "facts__icontains: Input should be a valid string"
    )


def test_a_time_of_day_has_no_offset():
    assert made("create_sighting", code="a", clock="10:00:00+02:00")["clock"] == "10:00:00"
    assert made("count_sightings", clock="10:00:00Z") == 1


@cases("in_zones", [True, False], undone=True)
def test_a_time_without_a_zone_is_one_of_the_projects(settings, in_zones):
    settings.USE_TZ, settings.TIME_ZONE = in_zones, "Asia/Tokyo"

    naive, known = ("2026-03-01T09:00:00", "2026-03-01T00:00:00Z")
    rows = [made("create_sighting", code=code, at=at) for code, at in (("a", naive), ("b", known))]
    assert [row["at"] for row in rows] == [known if in_zones else naive] * 2
    assert made("count_sightings", at__gte=known) == made("count_sightings", at__gte=naive) == 2


def test_only_text_has_a_case():
    with pytest.raises(ImproperlyConfigured, match="no lookup 'iexact'; use one of exact, contains, icontains, "):
        model_fields.filter_type(model_fields.resolve(Sighting, "at"), "iexact")


# Schemas


def test_choices_are_explained_and_long_ones_looked_up():
    properties = server.registry.tools["create_animal"].definition["inputSchema"]["properties"]
    listing = server.registry.tools["list_animals"].definition["inputSchema"]["properties"]

    assert properties["diet"] == {
        "type": "string",
        "enum": ["m", "p"],
        "description": "m: Eats meat; p: Eats plants",
    }
    assert "enum" not in listing["zone"]
    assert "choices, such as Africa/Abidjan" in listing["zone"]["description"]
    near = refusal("create_animal", {"name": "Ape", "zone": "berlin"})
    assert near.endswith("choices; near: Europe/Berlin")


def test_tools_are_named_by_the_class_and_titled_by_the_verbose_name():
    class Tags(ModelToolset):
        model = Tag
        fields = ("id", "name")

    class Labels(Tags):
        noun = "label"

    named = MCPServer("named", version="1")
    named.toolset(Tags)
    named.toolset(Labels)
    titles = {name: tool.definition["title"] for name, tool in named.registry.tools.items()}

    assert titles == {"list_tags": "List Метки", "get_tag": "Get Метка", "list_labels": "List Метки"} | {
        "get_label": "Get Метка"
    }


# Refused, with the way out


def test_all_that_cannot_be_named_is_told_at_once():
    class Broken(Animals):
        fields = ("id", "scan", "thing", "place", "tags__name")

    with pytest.raises(ImproperlyConfigured) as refused:
        MCPServer("x").toolset(Broken)

    assert str(refused.value).splitlines()[1:5] == [
        "- airports.Animal.scan is a BinaryField, of a kind that clients cannot read: leave it out of fields, or say "
        "how with django_mcp.contrib.model_fields.register_field(BinaryField, …).",
        "- Animal has no field 'thing' that can be named here: it leads to rows of any model; name its columns, 'kind' "
        "and 'key'.",
        "- airports.Animal.place is a PointField, of a kind that clients cannot read: leave it out of fields, or say "
        "how with django_mcp.contrib.model_fields.register_field(PointField, …).",
        "- Animal has no field 'tags__name': tags leads to many rows: name it alone for their keys.",
    ]


def test_a_project_teaches_a_kind_of_its_own(monkeypatch):
    monkeypatch.setitem(field_kinds.KINDS, PointField, None)
    register_field(
        PointField,
        list[float],
        read=lambda field, row: list(field.value_from_object(row) or []),
        write=lambda field, value: tuple(value),
    )

    class Places(Animals):
        fields = ("id", "name", "place")
        filters = ()

    places = MCPServer("places", version="1")
    places.toolset(Places)

    shown = call("create_animal", {"name": "Ape", "place": [1, 2]}, on=places)["structuredContent"]
    assert shown["place"] == [1.0, 2.0]


# The same in the admin


class AnimalForm(forms.ModelForm):
    position = forms.ChoiceField(choices=[("first", "As the first"), ("last", "As the last")])

    def save(self, commit=True):
        self.instance.name = f"{self.instance.name} {self.cleaned_data['position']}"
        return super().save(commit)


class AnimalAdmin(admin.ModelAdmin):
    form = AnimalForm
    exclude = ("scan", "kind", "key", "zone", "place", "id")


admin_server = MCPServer("admin zoo", version="1")
admin_server.toolset(from_admin(Animal, AnimalAdmin, operations=("get", "create", "update")))


def test_an_admins_form_takes_fields_that_are_no_columns_and_keeps_defaults():
    root = User.objects.create_superuser("root")
    tag = Tag.objects.create(name="tame")
    create = admin_server.registry.tools["create_animal"].definition["inputSchema"]

    assert create["required"] == ["name", "position"]
    assert create["properties"]["position"]["description"] == "first: As the first; last: As the last"
    given = {"name": "Ape", "position": "last", "country": "CD", "tags": [tag.pk], "_collar": "1"}
    ape = call("create_animal", given, on=admin_server, user=root)["structuredContent"]
    assert (ape["name"], ape["facts"], ape["tags"], ape["country"]) == ("Ape last", {}, [tag.pk], "CD")
    changes = {"position": "first", "facts": {"legs": 2}}
    changed = call("update_animal", {"pk": ape["id"], "changes": changes}, on=admin_server, user=root)
    expected = {**ape, "name": "Ape last first", "facts": {"legs": 2}}
    assert changed["structuredContent"] == expected
    changes["facts"] = None
    text = refusal("update_animal", {"pk": ape["id"], "changes": changes}, on=admin_server, user=root)
    assert text == "Not saved:\n- facts: This field is required."


def test_an_admin_saves_what_its_list_hides():
    root = User.objects.create_superuser("root")
    given = {"name": "Yeti", "position": "last", "hidden": True}

    assert call("create_animal", given, on=admin_server, user=root)["structuredContent"]["hidden"] is True
    assert Animal._base_manager.get().hidden


# PostgreSQL's own, without a database


def test_arrays_and_ranges_are_lists_and_bounds():
    postgres = pytest.importorskip("django.contrib.postgres.fields", exc_type=ImportError)
    with isolate_apps("testproject.airports"):

        class Shelf(models.Model):  # noqa: DJ008
            sizes = postgres.ArrayField(models.PositiveSmallIntegerField(), size=3)
            span = postgres.DecimalRangeField(null=True)
            notes = postgres.HStoreField()

            class Meta:
                app_label = "airports"

    shelf = Shelf()
    given = {"sizes": [1, 2], "span": {"lower": 1, "upper": None, "bounds": "[)"}, "notes": {"a": None}}
    assert model_fields.assign(shelf, given) == {}
    row = TypeAdapter(model_fields.row_type(Shelf, given))
    shown = {name: model_fields.value_at(shelf, name) for name in given}
    assert row.dump_python(row.validate_python(shown), mode="json") == {
        **given,
        "span": {"lower": "1", "upper": None, "bounds": "[)"},
    }
    sizes = TypeAdapter(model_fields.parameter_type(Shelf._meta.get_field("sizes")))
    for wrong in ([1, 2, 3, 4], [-1], ["x"]):
        with pytest.raises(ValidationError):
            sizes.validate_python(wrong)
    span = TypeAdapter(model_fields.parameter_type(Shelf._meta.get_field("span")))
    with pytest.raises(ValidationError, match="the lower bound is greater than the upper one"):
        span.validate_python({"lower": 2, "upper": 1, "bounds": "[)"})
    notes = TypeAdapter(model_fields.parameter_type(Shelf._meta.get_field("notes")))
    with pytest.raises(ValidationError, match="the text has characters that cannot be stored"):
        notes.validate_python({"a": "\x00"})
    empty = {"lower": None, "upper": None, "bounds": "empty"}
    model_fields.assign(shelf, {"span": empty})
    assert model_fields.value_at(shelf, "span") == empty


class Odds(ModelToolset):
    model = Odd
    fields = ("id", "exact", "value", "country", "path", "saved", "notes")
    operations = ("list", "get", "aggregate", "update")
    filters = ("exact", "self__exact")
    model_permissions = False


def test_fields_are_called_as_the_words_of_queries_are():
    ContentType.objects.get_for_model(Odd)
    Odd.objects.create(exact=3, value=5, country="KE")
    server = MCPServer("odd", version="1")
    server.toolset(Odds)

    def answer(name, **arguments):
        return call(name, arguments, on=server)["structuredContent"]

    assert [row["value"] for row in answer("list_odds", exact=3)["items"]] == [5]
    summed = answer("aggregate_odds", function="sum", field="value", group_by="value")
    assert summed == [{"group": 5, "value": 5}]
    assert answer("aggregate_odds", function="max", field="country") == [{"group": None, "value": "KE"}]


def test_what_is_set_by_itself_or_is_elsewhere_is_only_read():
    read_only = [name for name in Odds.fields if not model_fields.is_writable(model_fields.resolve(Odd, name))]

    assert read_only == ["path", "saved", "notes"]


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ({"fields": ("id", "self"), "operations": ("create",)}, "create cannot have an argument called 'self'"),
        ({"fields": ("id",), "filters": ("self",)}, "a filter cannot be called 'self'; use self__exact."),
    ],
)
def test_a_column_called_self_is_refused_where_it_would_be_an_argument(attributes, said):
    toolset = type("Selves", (ModelToolset,), {"model": Odd, **attributes})

    with pytest.raises(ImproperlyConfigured, match=said):
        list(toolset.tools())


def test_a_key_of_several_columns_is_counted_and_has_no_largest_and_no_text():
    members = {"model": Seat, "fields": ("row",), "operations": ("aggregate",), "model_permissions": False}
    server = MCPServer("seats", version="1")
    server.toolset(type("Seats", (ModelToolset,), members))

    said = refusal("aggregate_seats", {"function": "max"}, on=server)
    assert said == "field: max is of one column, and a key has several; name one of them."
    with pytest.raises(ImproperlyConfigured, match="'icontains'; use one of exact, gt, gte, lt, lte, in, isnull"):
        model_fields.filter_type(model_fields.resolve(Seat, "pk"), "icontains")
