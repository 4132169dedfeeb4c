"""Every hook of Django's `View` and DRF's `APIView` that a subclass overrides holds, whichever carrier serves it."""

from types import ModuleType

import pytest
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.urls import path
from django.utils.decorators import method_decorator
from django.views import View
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from django_mcp.testing import MCPClient
from django_mcp.urls import endpoint
from django_mcp.views import MCPView
from tests import wire
from tests.servers import plain
from tests.tables import cases

pytestmark = [pytest.mark.django_db, pytest.mark.every_combination]

NAMES = sorted(name for name in {*dir(View), *dir(APIView)} if not name.startswith("__"))
METHODS = [name for name in NAMES if callable(getattr(MCPView, name)) and not isinstance(vars(APIView).get(name), type)]
ATTRIBUTES = [name for name in NAMES if name not in METHODS]
GATES = [
    "check_permissions",
    "check_throttles",
    "dispatch",
    "initial",
    "initialize_request",
    "perform_authentication",
    "setup",
]
CLASS_METHODS = ("as_view",)
CALL = wire.request("tools/call", {"name": "greet", "arguments": {"name": "Ada"}})


class Admits:
    """A policy of each kind that lets everybody in, so that the endpoint asks."""

    def has_permission(self, request, view):
        return True


class Counts(BaseThrottle):
    def allow_request(self, request, view):
        return True


ASKING = {"permission_classes": [Admits], "throttle_classes": [Counts]}


@pytest.fixture(params=[{}, ASKING], ids=["public", "asking"])
def policies(request):
    return request.param


@pytest.fixture
def serve(settings, lane):
    """The status of a call at an endpoint of a class, in this carrier."""

    def serve(view_class, **options):
        urlconf = ModuleType("urls_of_a_subclass")
        mounted = endpoint(plain, view_class=view_class, public=True, sessions="off", **options)
        urlconf.urlpatterns = [path("mcp", mounted)]
        settings.ROOT_URLCONF = urlconf
        return MCPClient("/mcp", era="handshake", **lane).post(CALL).status_code

    return serve


def recording(name, called, **members):
    """A subclass whose hook notes that it is called, and does what it did."""
    inherited = getattr(MCPView, name)

    def hook(self, *args, **kwargs):
        called.append(name)
        return inherited(self, *args, **kwargs)

    return type("Recording", (MCPView,), {name: hook, **members})


@cases("name", [name for name in METHODS if name not in CLASS_METHODS])
def test_a_hook_that_drf_calls_is_called(serve, policies, name):
    called, expected = [], []
    by_drf = {} if name == "dispatch" else {"dispatch": APIView.dispatch}
    assert serve(recording(name, expected, **by_drf), **policies) == 200

    assert serve(recording(name, called), **policies) == 200

    assert set(called) == set(expected)


@cases("name", GATES)
def test_a_gate_that_a_subclass_shuts_is_shut(serve, policies, name):
    def refuse(self, *args, **kwargs):
        raise PermissionDenied

    def refuse_itself(self, *args, **kwargs):
        return HttpResponse(status=403)

    shut = type("Shut", (MCPView,), {name: refuse_itself if name == "dispatch" else refuse})

    if name in ("setup", "initialize_request"):
        # Outside of DRF's own handling of exceptions: Django answers them.
        assert serve(shut, **policies) in (403, 500)
    else:
        assert serve(shut, **policies) == 403


@cases("name", [*GATES, "get_authenticators", "get_permissions", "get_throttles"])
def test_a_gate_that_as_view_is_given_is_shut(serve, name):
    """Django's `as_view()` takes every attribute of its class, so hooks too."""

    def refuse(*args, **kwargs):
        raise PermissionDenied

    # Without policies, so that nothing else asks.
    assert serve(MCPView, **{name: refuse}) in (403, 500)


def test_a_decorator_of_dispatch_holds(serve, policies):
    def shut(view):
        return lambda request, *args, **kwargs: HttpResponse(status=403)

    assert serve(method_decorator(shut, name="dispatch")(type("Shut", (MCPView,), {})), **policies) == 403


@cases("given", ["class", "as_view"])
def test_http_methods_that_a_subclass_leaves_out_are_405(serve, policies, given):
    if given == "class":
        assert serve(type("ReadOnly", (MCPView,), {"http_method_names": ["get"]}), **policies) == 405
    else:
        assert serve(MCPView, http_method_names=["get"], **policies) == 405


@cases("name", ATTRIBUTES)
def test_an_attribute_of_a_subclass_own_changes_nothing_between_carriers(serve, policies, name):
    """The reference is DRF's own dispatch."""
    value = getattr(MCPView, name)
    own = list(value) if isinstance(value, list | tuple) else value
    expected = serve(type("ByDRF", (MCPView,), {name: own, "dispatch": APIView.dispatch}), **policies)

    assert serve(type("Own", (MCPView,), {name: own}), **policies) == expected
