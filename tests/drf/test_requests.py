"""Serializers, throttles and permission classes of the project see a caller's user, credential and authenticator."""

import pytest
from django.contrib.auth.models import User
from django.urls import path
from rest_framework import serializers
from rest_framework.authentication import BaseAuthentication
from rest_framework.throttling import BaseThrottle

from django_mcp import Context, MCPServer
from django_mcp.drf.schemas import request_context
from django_mcp.testing import MCPClient
from django_mcp.urls import endpoint

pytestmark = pytest.mark.django_db

SEEN = []


class Claims(BaseAuthentication):
    def authenticate(self, request):
        return User.objects.get(username="ada"), {"tenant": "acme", "secret": "hunter2"}


def note(request):
    SEEN.append((str(request.user), request.auth["tenant"], type(request.successful_authenticator)))
    return True


class Throttle(BaseThrottle):
    def allow_request(self, request, view):
        return note(request)


class Permission:
    def has_permission(self, request, view):
        return note(request)


class Order(serializers.Serializer):
    size = serializers.IntegerField()

    def validate(self, attrs):
        note(self.context["request"])
        return attrs


server = MCPServer("credentials", version="1")


@server.tool(read_only=True, throttle=Throttle, permission=Permission)
def order(order: Order, ctx: Context) -> str:
    """Order."""
    note(request_context(ctx)["request"])
    assert "hunter2" not in repr(ctx.caller)
    return str(ctx.credential["tenant"])


class urls:
    urlpatterns = [path("mcp", endpoint(server, authentication_classes=[Claims]))]


def test_all_that_decides_about_a_call_sees_by_what_the_caller_came_in(settings, lane):
    settings.ROOT_URLCONF = urls
    User.objects.create_user("ada")
    SEEN.clear()

    assert MCPClient("/mcp", **lane).call_tool("order", {"order": {"size": 1}}).text == "acme"
    assert len(SEEN) >= 4
    assert set(SEEN) == {("ada", "acme", Claims)}
