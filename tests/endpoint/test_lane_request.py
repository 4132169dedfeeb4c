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
from django_mcp.urls import endpoint
from django_mcp.wsgi import get_wsgi_application
from tests import wire
from tests.servers import plain

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


urlpatterns = [path("cached", endpoint(plain, public=True, permission_classes=[UsesCache]))]


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
