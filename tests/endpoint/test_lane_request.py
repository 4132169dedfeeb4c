"""The part of a request that the lanes share. Admission itself is in test_hooks.py."""

import asyncio
import threading

import pytest
from django.core.asgi import get_asgi_application
from django.core.cache import cache
from django.core.cache.backends.locmem import LocMemCache
from django.urls import path
from rest_framework.permissions import BasePermission

from django_mcp.asgi import mcp_application
from django_mcp.execution import threads
from django_mcp.testing import MCPClient
from django_mcp.urls import endpoint
from django_mcp.views import MCPView
from django_mcp.wsgi import get_wsgi_application
from tests import wire
from tests.servers import other, plain
from tests.tables import cases

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]


class Counted(LocMemCache):
    """Counts its instances: one of Redis has connections."""

    made = 0

    def __init__(self, *args):
        super().__init__(*args)
        Counted.made += 1


class UsesCache(BasePermission):
    """Counts, as a throttle does."""

    def has_permission(self, request, view):
        return cache.set("asked", 1) is None


class OfTenant(MCPView):
    """Configured by the arguments from the path, and by the request."""

    def get_server(self):
        return {"acme": plain, "emca": other}[self.kwargs["tenant"] if "tenant" in self.kwargs else self._tenant()]

    def get_allowed_origins(self):
        return [f"https://{self.kwargs.get('tenant') or self._tenant()}.test"]

    def _tenant(self):
        return self.request.headers["X-Tenant"]


urlpatterns = [
    path("cached", endpoint(plain, public=True, permission_classes=[UsesCache])),
    path("of/<slug:tenant>", endpoint(view_class=OfTenant, public=True)),
    path("of", endpoint(view_class=OfTenant, public=True)),
    path("closed/<slug:tenant>", endpoint(view_class=OfTenant)),
]


def in_the_wsgi_lane(headers, body):
    return wire.send_wsgi("/cached", "POST", headers, body, application=get_wsgi_application())


def in_the_asgi_lane(headers, body):
    async def send():
        application = mcp_application(get_asgi_application())
        sent = [("host", "testserver"), *headers.items()]
        return (await wire.over_asgi(application, "/cached", "POST", sent, [body]))[0]

    return asyncio.run(send())


@pytest.mark.parametrize("send", [in_the_wsgi_lane, in_the_asgi_lane])
def test_a_thread_keeps_its_caches(settings, monkeypatch, send):
    settings.CACHES = {"default": {"BACKEND": f"{__name__}.Counted"}}
    settings.MCP_THREADS = 1
    pool = threads.Pool()
    monkeypatch.setattr(threads, "_pool", pool)
    monkeypatch.setattr(Counted, "made", 0)
    answers = []

    def serve():
        answers.extend(send(*wire.modern_call("greet", name="Ada")).status_code for _ in range(3))

    thread = threading.Thread(target=serve)
    thread.start()
    thread.join(30)
    pool.stop(10)

    assert (answers, Counted.made) == ([200] * 3, 1)


@pytest.mark.every_combination
@cases(("start", "public"), [("/of/{}", True), ("/of", True), ("/closed/{}", False)])
def test_a_view_that_configures_itself_reads_the_path_and_the_request(lane, django_user_model, start, public):
    user = None if public else django_user_model.objects.create_user("ada")
    for tenant, name in (("acme", "plain"), ("emca", "other")):
        headers = {"x-tenant": tenant, "origin": f"https://{tenant}.test"}
        client = MCPClient(start.format(tenant), headers=headers, user=user, **lane)

        assert client.initialize()["_meta"] == {"io.modelcontextprotocol/serverInfo": {"name": name, "version": "1.0"}}
