"""The rules of a ModelAdmin hold for its tools, and its history is written."""

import pytest
from django import forms
from django.contrib import admin, messages
from django.contrib.admin.models import LogEntry
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Permission, User
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpResponse
from django.urls import path

from django_mcp import MCPServer
from django_mcp.contrib.admin_toolset import AdminToolset, from_admin
from django_mcp.testing import MCPError
from django_mcp.urls import endpoint
from testproject.airports.models import Airport, Leg, TripPlan

pytestmark = pytest.mark.django_db


class TripForm(forms.ModelForm):
    def clean_name(self):
        if "bad" in self.cleaned_data["name"]:
            raise forms.ValidationError("Not that name.")
        return self.cleaned_data["name"]


class TripAdmin(admin.ModelAdmin):
    form = TripForm
    fields = ("name", ("owner", "created_at"))
    readonly_fields = ("created_at",)
    search_fields = ("=name", "legs__destination__city")
    actions = ("shout", "ask", "silent")

    def get_queryset(self, request):
        rows = super().get_queryset(request)
        return rows if request.user.is_superuser else rows.exclude(name="hidden")

    def has_change_permission(self, request, obj=None):
        return super().has_change_permission(request, obj) and (obj is None or obj.name != "fixed")

    has_view_permission = has_delete_permission = has_change_permission

    def save_model(self, request, obj, form, change):
        obj.name = obj.name.strip("!")
        super().save_model(request, obj, form, change)

    @admin.action(description="Shout the %(verbose_name_plural)s", permissions=["change"])
    def shout(self, request, queryset):
        for trip in queryset:
            trip.name = trip.name.upper()
            trip.save()
        self.message_user(request, f"{len(queryset)} shouted", messages.SUCCESS)

    @admin.action(description="Ask")
    def ask(self, request, queryset):
        return HttpResponse("Sure?")

    @admin.action(description="Say nothing")
    def silent(self, request, queryset):
        pass


class Trips(AdminToolset):
    model = TripPlan
    admin_class = TripAdmin
    operations = ("list", "get", "search", "create", "update", "delete")
    actions = ("shout", "ask", "silent")
    prefix = "admin_"


server = MCPServer("admin", version="1")
server.toolset(Trips)
server.toolset(from_admin(Airport, admin.ModelAdmin, operations=("get",)))


class urls:
    urlpatterns = [path("mcp", endpoint(server, public=True))]


@pytest.fixture
def ada():
    ada = User.objects.create_user("ada", is_staff=True)
    ada.user_permissions.set(Permission.objects.filter(content_type__app_label="airports"))
    return User.objects.get(pk=ada.pk)


@pytest.fixture
def client(settings, connect, ada):
    settings.ROOT_URLCONF = urls
    return connect("/mcp", user=ada)


@pytest.fixture
def trip(ada):
    return TripPlan.objects.create(owner=ada, name="East")


def history():
    return [(entry.user.username, entry.action_flag, str(entry)) for entry in LogEntry.objects.order_by("pk")]


def test_fields_are_those_of_the_admin():
    tools = server.registry.tools

    assert Trips.fields == ("id", "name", "owner", "created_at")
    assert set(tools["admin_create_trip_plan"].definition["inputSchema"]["properties"]) == {"name", "owner"}
    assert tools["admin_shout_trip_plans"].definition["description"] == "Shout the trip plans."
    assert "icao" in tools["get_airport"].definition["outputSchema"]["properties"]
    assert "search_text" not in tools["get_airport"].definition["outputSchema"]["properties"]


def test_only_those_who_may_use_the_admin_see_the_tools(connect, client, ada):
    def names(user):
        return {tool["name"] for tool in connect("/mcp", user=user).list_tools()}

    assert "admin_update_trip_plan" in names(ada)
    User.objects.filter(pk=ada.pk).update(is_staff=False)
    assert names(User.objects.get(pk=ada.pk)) == set()
    User.objects.filter(pk=ada.pk).update(is_staff=True)
    ada.user_permissions.set(Permission.objects.filter(codename__in=["change_tripplan"]))
    assert "admin_create_trip_plan" not in names(User.objects.get(pk=ada.pk))
    with pytest.raises(MCPError, match="Unknown tool"):
        connect("/mcp").call_tool("admin_list_trip_plans")


def test_rows_are_those_that_the_admin_lists(client, trip, ada):
    TripPlan.objects.create(owner=ada, name="hidden")

    assert [row["name"] for row in client.call_tool("admin_list_trip_plans").data["items"]] == ["East"]


def test_search_is_the_admins(client, trip, ada):
    airport = Airport.objects.create(icao="BIKF", city="Reykjavik", elevation_ft=1, latitude=1, longitude=1)
    for order in (1, 2):
        Leg.objects.create(plan=trip, order=order, origin=airport, destination=airport)

    def found(query):
        return [row["name"] for row in client.call_tool("admin_search_trip_plans", {"query": query}).data["items"]]

    assert (found("reykj"), found("east"), found("eas")) == (["East"], ["East"], [])


def test_a_row_is_created_by_the_admins_form_and_save(client, ada):
    made = client.call_tool("admin_create_trip_plan", {"name": "South!", "owner": ada.pk}).data

    assert (made["name"], made["owner"]) == ("South", ada.pk)
    assert history() == [("ada", 1, "Added “South”.")]
    refused = client.call_tool("admin_create_trip_plan", {"name": "bad", "owner": ada.pk})
    assert (refused.is_error, refused.text) == (True, "Not saved:\n- name: Not that name.")
    assert client.call_tool("admin_create_trip_plan", {"name": "x", "owner": 0}).text.startswith("Not saved:\n- owner:")
    assert client.call_tool("admin_create_trip_plan", {"name": "x", "owner": ada.pk, "created_at": "now"}).is_error
    assert TripPlan.objects.count() == 1


def test_a_row_is_changed_as_in_the_admin(client, trip):
    changed = client.call_tool("admin_update_trip_plan", {"pk": trip.pk, "changes": {"name": "West!"}}).data

    assert (changed["name"], changed["owner"]) == ("West", trip.owner_id)
    assert history() == [("ada", 2, "Changed “West” — Changed Name.")]


def test_permissions_on_a_row_hold(client, ada):
    fixed = TripPlan.objects.create(owner=ada, name="fixed")

    for tool, more in (("get", {}), ("update", {"changes": {"name": "x"}}), ("delete", {})):
        result = client.call_tool(f"admin_{tool}_trip_plan", {"pk": fixed.pk, **more})
        assert (result.is_error, result.text) == (True, f"There is no trip plan {fixed.pk}.")
    assert TripPlan.objects.get().name == "fixed"


def test_a_row_is_deleted_and_that_is_remembered(client, trip):
    assert client.call_tool("admin_delete_trip_plan", {"pk": trip.pk}).text == f"Deleted trip plan {trip.pk}."
    assert history() == [("ada", 3, "Deleted “East.”")]


def test_an_action_is_done_and_says_what_it_says(client, trip):
    assert client.call_tool("admin_shout_trip_plans", {"pks": [trip.pk]}).text == "1 shouted"
    assert TripPlan.objects.get().name == "EAST"
    assert client.call_tool("admin_silent_trip_plans", {"pks": [trip.pk]}).text == "Done with 1 trip plan."


def test_an_action_that_cannot_be_done_is_refused(client, connect, trip, ada):
    refused = client.call_tool("admin_shout_trip_plans", {"pks": [trip.pk, 0]})
    assert (refused.is_error, refused.text) == (True, "There are no trip plans 0; nothing was done.")
    assert "on a page of the admin" in client.call_tool("admin_ask_trip_plans", {"pks": [trip.pk]}).text
    assert client.call_tool("admin_shout_trip_plans", {"pks": []}).is_error
    assert TripPlan.objects.get().name == "East"


def test_the_admin_class_is_that_which_the_site_has_registered():
    class Users(AdminToolset):
        model = User
        prefix = "admin_"

    class Listed(admin.ModelAdmin):
        list_display = ("email",)

    own = admin.AdminSite("own")
    with pytest.raises(
        ImproperlyConfigured,
        match=r"Users: the admin site has no ModelAdmin of User\. Name one in admin_class, or have "
        r'"django\.contrib\.admin" before "django_mcp" in INSTALLED_APPS\.',
    ):
        list(type("Users", (Users,), {"admin_site": own}).tools())
    own.register(User, Listed)

    assert "email" in type("Users", (Users,), {"admin_site": own})._admin().list_display
    server = MCPServer("registered", version="1")
    server.toolset(Users)
    assert {*server.registry.tools} == {"admin_list_users", "admin_get_user"}
    assert type(Users._admin()) is UserAdmin


def test_what_the_admin_has_not_is_refused():
    with pytest.raises(ImproperlyConfigured, match="has no action 'burn'"):
        list(from_admin(TripPlan, TripAdmin, operations=(), actions=("burn",)).tools())
    with pytest.raises(ImproperlyConfigured, match="search needs search_fields"):
        list(from_admin(Airport, admin.ModelAdmin, operations=("search",)).tools())
