"""An AdminToolset shows and takes no more than the admin's own pages do, for this user and this object."""

import pytest
from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group, Permission, User
from django.core.exceptions import ImproperlyConfigured
from django.urls import path

from django_mcp import MCPServer
from django_mcp.contrib.admin_toolset import from_admin
from django_mcp.testing import MCPClient
from django_mcp.urls import endpoint
from testproject.airports.models import Airport, Leg, TripPlan
from tests.tables import cases

pytestmark = pytest.mark.django_db

OPEN = ("first_name", "email")


class NarrowForm(forms.ModelForm):
    class Meta:
        model = User
        fields = OPEN


class ExcludingForm(forms.ModelForm):
    class Meta:
        model = User
        exclude = ("is_superuser",)  # noqa: DJ006  # as projects do


def admin_with(**members):
    return type("LimitedAdmin", (admin.ModelAdmin,), members)


def without_superuser(self, request, obj=None, **kwargs):
    form = admin.ModelAdmin.get_form(self, request, obj, **kwargs)
    form.base_fields.pop("is_superuser", None)
    return form


def with_it_disabled(self, request, obj=None, **kwargs):
    form = admin.ModelAdmin.get_form(self, request, obj, **kwargs)
    form.base_fields["is_superuser"].disabled = not request.user.is_superuser
    return form


class MaskedForm(forms.ModelForm):
    last_name = forms.CharField(widget=forms.PasswordInput)


def without_its_field(self, db_field, request, **kwargs):
    if db_field.name == "is_superuser":
        return None
    return admin.ModelAdmin.formfield_for_dbfield(self, db_field, request, **kwargs)


def for_oneself(self, request, obj=None):
    return OPEN if obj == request.user else (*OPEN, "is_superuser")


def not_of_oneself(self, request, obj=None):
    return request.user.is_superuser or obj != request.user


# Each: the admin, and whether its page shows `is_superuser` (for reading) to a user who may not write it.
LIMITS = {
    "fields": (admin_with(fields=OPEN), False),
    "fieldsets": (admin_with(fieldsets=[(None, {"fields": [OPEN]})]), False),
    "exclude": (admin_with(exclude=("is_superuser",)), False),
    "readonly_fields": (admin_with(readonly_fields=("is_superuser",)), True),
    "form.Meta.fields": (admin_with(form=NarrowForm), False),
    "form.Meta.exclude": (admin_with(form=ExcludingForm), False),
    "get_fields": (admin_with(get_fields=lambda *_: OPEN), False),
    "get_fields by object": (admin_with(get_fields=for_oneself), False),
    "get_fieldsets": (admin_with(get_fieldsets=lambda *_: [(None, {"fields": OPEN})]), False),
    "get_exclude": (admin_with(get_exclude=lambda *_: ("is_superuser",)), False),
    "get_readonly_fields": (admin_with(get_readonly_fields=lambda *_: ("is_superuser",)), True),
    "get_form, taken away": (admin_with(get_form=without_superuser), False),
    "get_form, disabled": (admin_with(get_form=with_it_disabled), True),
    "formfield_for_dbfield": (admin_with(formfield_for_dbfield=without_its_field), False),
    "has_change_permission by object": (admin_with(fields=OPEN, has_change_permission=not_of_oneself), False),
}


def staff(*codenames, name="ada"):
    user = User.objects.create_user(name, is_staff=True, password="secret words")
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    return User.objects.get(pk=user.pk)


@pytest.fixture
def serve(settings):
    """Makes a client of a server that has these toolsets alone."""

    def made(user, *toolsets):
        server = MCPServer("limits", version="1")
        for toolset in toolsets:
            server.toolset(toolset)
        urls = type("urls", (), {"urlpatterns": [path("mcp", endpoint(server, public=True))]})
        settings.ROOT_URLCONF = urls
        return MCPClient("/mcp", user=user)

    return made


@cases("way", LIMITS, undone=True)
def test_a_field_that_the_admin_keeps_from_a_user_is_neither_shown_nor_taken(serve, way):
    admin_class, is_shown = LIMITS[way]
    ada = staff("view_user", "change_user")
    client = serve(ada, from_admin(User, admin_class, operations=("list", "get", "update")))

    [row] = client.call_tool("list_users").data["items"]
    refused = client.call_tool("update_user", {"pk": ada.pk, "changes": {"is_superuser": True}})

    assert ("is_superuser" in row) is is_shown
    assert client.call_tool("get_user", {"pk": ada.pk}).data == row
    assert ada.password not in str(row)
    assert "password" not in row
    assert refused.is_error
    assert "is_superuser" in refused.text or refused.text == "You may not change this user."
    assert User.objects.get().is_superuser is False


def test_a_page_that_masks_a_value_does_not_show_it(serve):
    ada = staff("change_user")
    client = serve(ada, from_admin(User, admin_with(fields=("username", "last_name"), form=MaskedForm)))

    assert client.call_tool("get_user", {"pk": ada.pk}).data == {"id": ada.pk, "username": "ada"}


def test_those_who_may_see_more_are_shown_and_may_write_more(serve):
    root = User.objects.create_superuser("root")
    client = serve(root, from_admin(User, LIMITS["get_form, disabled"][0], operations=("list", "update")))

    changed = client.call_tool("update_user", {"pk": root.pk, "changes": {"is_superuser": False}})

    assert changed.data["is_superuser"] is False


def test_one_who_only_looks_is_shown_the_fields_and_writes_none(serve):
    ada = staff("view_user")
    client = serve(ada, from_admin(User, admin_with(fields=OPEN), operations=("list", "update")))

    assert [tool["name"] for tool in client.list_tools()] == ["list_users"]
    assert client.call_tool("list_users").data["items"] == [{"id": ada.pk, "first_name": "", "email": ""}]


# A hidden value cannot be found out by looking for it.


def test_a_hidden_field_is_not_filtered_sorted_or_summed_up_by(serve):
    asking = {
        "operations": ("list", "count", "aggregate"),
        "filters": ("is_superuser", "email__startswith"),
        "ordering": ("is_superuser", "email"),
    }
    client = serve(staff("view_user"), from_admin(User, LIMITS["get_fields"][0], **asking))
    hidden = "is_superuser: the admin shows you no such field to look for."

    for tool, arguments in (
        ("list_users", {"is_superuser": True}),
        ("list_users", {"order_by": "-is_superuser"}),
        ("count_users", {"is_superuser": False}),
        ("aggregate_users", {"function": "count", "group_by": "is_superuser"}),
        ("aggregate_users", {"function": "max", "field": "is_superuser"}),
    ):
        answer = client.call_tool(tool, arguments)
        assert (answer.is_error, answer.text) == (True, hidden)
    assert client.call_tool("count_users", {"email__startswith": "x"}).text == "0"
    assert not client.call_tool("list_users", {"order_by": "email"}).is_error


def test_another_models_rows_are_looked_at_only_where_the_admin_filters_by_them(serve):
    looking = {"operations": ("count",), "filters": ("owner__email__startswith",)}
    root = User.objects.create_superuser("root")

    by_list = from_admin(TripPlan, admin_with(list_filter=("owner__email",)), **looking)
    assert serve(root, by_list).call_tool("count_trip_plans", {"owner__email__startswith": "x"}).text == "0"
    for shown in (admin.ModelAdmin, admin_with(list_filter=("owner",), list_display=("owner",))):
        refused = serve(root, from_admin(TripPlan, shown, **looking))
        assert refused.call_tool("count_trip_plans", {"owner__email__startswith": "x"}).is_error


# Users


USERS = from_admin(User, UserAdmin, operations=("list", "get", "search", "create", "update"), prefix="admin_")


def test_a_hash_is_never_shown_and_a_password_not_written(serve):
    ada = staff("view_user", "change_user")
    bob = staff("view_user", name="bob")

    for user in (ada, bob):
        client = serve(user, USERS)
        assert "pbkdf2" not in str(client.call_tool("admin_list_users").raw)
        assert "pbkdf2" not in str(client.call_tool("admin_get_user", {"pk": ada.pk}).raw)
    refused = serve(ada, USERS).call_tool("admin_update_user", {"pk": bob.pk, "changes": {"password": "xx"}})
    assert (refused.is_error, "changes.password: Unknown argument" in refused.text) == (True, True)
    assert User.objects.get(pk=bob.pk).check_password("secret words")


@cases(
    "attributes",
    [{"fields": ("password",)}, {"filters": ("password__startswith",)}, {"ordering": ("password",)}],
)
def test_a_toolset_that_names_a_hash_is_refused(attributes):
    with pytest.raises(ImproperlyConfigured, match="the hash of a password"):
        MCPServer("x").toolset(from_admin(User, UserAdmin, **attributes))


def test_a_user_is_made_by_the_form_for_new_users(serve):
    client = serve(staff("add_user", "change_user", "view_user"), USERS)
    password = {"password1": "correct horse", "password2": "correct horse"}

    unlike = client.call_tool("admin_create_user", {"username": "zed", **password, "password2": "battery"})
    assert (unlike.is_error, "- password2: " in unlike.text) == (True, True)
    made = client.call_tool("admin_create_user", {"username": "zed", **password}).data
    zed = User.objects.get(username="zed")
    assert (made["id"], made["username"], zed.check_password("correct horse")) == (zed.pk, "zed", True)
    more = client.call_tool("admin_create_user", {"username": "eve", **password, "is_superuser": True})
    assert more.is_error
    assert "is_superuser" in more.text
    assert not User.objects.filter(username="eve").exists()


def test_one_who_may_only_add_users_makes_none(serve):
    client = serve(staff("add_user", "view_user"), USERS)

    assert "admin_create_user" not in [tool["name"] for tool in client.list_tools()]


def test_an_admin_that_would_store_a_password_in_clear_creates_no_users():
    with pytest.raises(ImproperlyConfigured, match="a new User needs password"):
        MCPServer("x").toolset(from_admin(User, admin.ModelAdmin, operations=("create",)))


def test_many_to_many_fields_are_shown_and_written(serve):
    editors = Group.objects.create(name="editors")
    root = User.objects.create_superuser("root")
    client = serve(root, USERS)

    changed = client.call_tool("admin_update_user", {"pk": root.pk, "changes": {"groups": [editors.pk]}})
    assert changed.data["groups"] == [editors.pk]
    wrong = client.call_tool("admin_update_user", {"pk": root.pk, "changes": {"groups": [0]}})
    assert wrong.text.startswith("Not saved:\n- groups: ")
    assert list(root.groups.all()) == [editors]


# Columns, inlines and deletion


class LegInline(admin.TabularInline):
    model = Leg
    fields = ("order", "destination", "far")
    readonly_fields = ("far",)

    def far(self, leg):
        return leg.destination.city


class TripAdmin(admin.ModelAdmin):
    fields = ("name",)
    list_display = ("name", "shouted", "owner__username", "stops")
    inlines = (LegInline,)

    @admin.display(description="In capitals")
    def shouted(self, trip):
        return trip.name.upper()

    @admin.display
    def stops(self, trip):
        return trip.legs.count()


TRIPS = from_admin(TripPlan, TripAdmin, operations=("list", "get", "delete"))


@pytest.fixture
def trip():
    trip = TripPlan.objects.create(owner=User.objects.create_user("bob"), name="East")
    airport = Airport.objects.create(icao="BIKF", city="Reykjavik", elevation_ft=1, latitude=1, longitude=1)
    Leg.objects.create(plan=trip, order=1, origin=airport, destination=airport)
    return trip


def test_the_columns_of_the_list_are_shown(serve, trip):
    client = serve(User.objects.create_superuser("root"), TRIPS)
    [tool] = [tool for tool in client.list_tools() if tool["name"] == "list_trip_plans"]
    columns = {"name": "East", "shouted": "EAST", "owner__username": "bob", "stops": 1}

    assert client.call_tool("list_trip_plans").data["items"] == [{"id": trip.pk, **columns}]
    row = tool["outputSchema"]["properties"]["items"]["items"]
    assert (row["properties"]["shouted"], row["required"]) == ({"description": "In capitals"}, ["id"])


def test_one_row_has_its_inlines_for_those_who_may_see_them(serve, trip):
    ada = staff("view_tripplan")
    root = User.objects.create_superuser("root")

    shown = serve(root, TRIPS).call_tool("get_trip_plan", {"pk": trip.pk}).data
    assert shown["legs"] == [
        {"id": trip.legs.get().pk, "order": 1, "destination": "BIKF", "far": "Reykjavik"},
    ]
    assert "legs" not in serve(ada, TRIPS).call_tool("get_trip_plan", {"pk": trip.pk}).data


def test_a_deletion_that_takes_more_along_names_it_first(serve, trip):
    client = serve(User.objects.create_superuser("root"), TRIPS)

    asked = client.call_tool("delete_trip_plan", {"pk": trip.pk})
    assert (asked.is_error, asked.text) == (
        True,
        "Not deleted, since more would go with it (1 legs): Leg: 1. BIKF to BIKF. "
        "Give with_related=true to delete all of it.",
    )
    assert TripPlan.objects.exists()
    done = client.call_tool("delete_trip_plan", {"pk": trip.pk, "with_related": True})
    assert (done.text, Leg.objects.exists()) == (f"Deleted trip plan {trip.pk}.", False)


def test_a_row_in_use_is_kept_and_says_by_what(serve, trip):
    client = serve(User.objects.create_superuser("root"), from_admin(Airport, admin.ModelAdmin, operations=("delete",)))

    kept = client.call_tool("delete_airport", {"pk": "BIKF", "with_related": True})
    assert (kept.is_error, kept.text) == (
        True,
        "The airport is still in use, so it is kept: Leg: 1. BIKF to BIKF.",
    )
