"""Prints the tools of djangorestframework-mcp-server for tickets.py: list, get, create, update, delete."""

import json

import django
from django.conf import settings

settings.configure(
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "rest_framework"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    USE_TZ=True,
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
)
django.setup()

from django.contrib.auth.models import AnonymousUser  # noqa: E402
from django_service_specs import SelectorKind, Unrestricted  # noqa: E402
from rest_framework import serializers  # noqa: E402
from rest_framework_mcp import MCPServer  # noqa: E402
from rest_framework_services.types.selector_spec import SelectorSpec  # noqa: E402
from rest_framework_services.types.service_spec import ServiceSpec  # noqa: E402
from tickets import Ticket  # noqa: E402


class TicketSerializer(serializers.ModelSerializer):  # type: ignore[type-arg]
    class Meta:
        model = Ticket
        fields = "__all__"


class KeySerializer(serializers.Serializer):  # type: ignore[type-arg]
    pk = serializers.IntegerField()


class ChangeSerializer(TicketSerializer):
    pk = serializers.IntegerField()

    def __init__(self, *args, **kwargs):  # type: ignore[no-untyped-def]
        super().__init__(*args, partial=True, **kwargs)


def tickets(**given):  # type: ignore[no-untyped-def]
    return Ticket.objects.all()


def write(**given):  # type: ignore[no-untyped-def]
    return Ticket()


server = MCPServer(name="tickets")
common = {"permissions": [Unrestricted()]}
shown = SelectorSpec(kind=SelectorKind.RETRIEVE, selector=tickets, output_serializer=TicketSerializer)
server.register_selector_tool(
    name="list_tickets",
    description="List tickets.",
    spec=SelectorSpec(kind=SelectorKind.LIST, selector=tickets, output_serializer=TicketSerializer),
    paginate=True,
    **common,
)
server.register_selector_tool(
    name="get_ticket", description="One ticket.", spec=shown, input_serializer=KeySerializer, **common
)
for name, description, given in (
    ("create_ticket", "Create one ticket.", TicketSerializer),
    ("update_ticket", "Change one ticket.", ChangeSerializer),
    ("delete_ticket", "Delete one ticket.", KeySerializer),
):
    server.register_service_tool(
        name=name,
        description=description,
        spec=ServiceSpec(service=write, input_serializer=given, output_selector_spec=shown),
        **common,
    )
print(json.dumps(server.list_tools(user=AnonymousUser())["tools"]))
