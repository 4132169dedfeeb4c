"""django-health-check shows the health of the MCP servers beside its own checks."""

import pytest
from django.test import Client
from django.urls import path
from health_check.views import HealthCheckView

from django_mcp import health

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(
    ("found", "status", "said"),
    [
        (health.Health("ok", "down", "late", 5), 200, "OK"),
        (
            health.Health("down", "none", "unknown"),
            500,
            "Unavailable: database: down, layer: none, purge: unknown",
        ),
    ],
)
def test_its_view_shows_what_the_health_view_says(settings, monkeypatch, found, status, said):
    view = HealthCheckView.as_view(checks=["django_mcp.contrib.health_check.MCPHealthCheck"])
    settings.ROOT_URLCONF = type("urls", (), {"urlpatterns": [path("ht/", view)]})
    monkeypatch.setattr(health, "_look", lambda: found)
    monkeypatch.setattr(health, "_watch", health._Watch())

    response = Client().get("/ht/?format=json")

    assert (response.status_code, response.json()) == (status, {"MCPHealthCheck()": said})
