"""The app `django_mcp.contrib.otel`, which projects may leave out."""

import subprocess
import sys

import pytest
from django.apps import AppConfig
from django.core.exceptions import ImproperlyConfigured

from django_mcp import observers
from django_mcp.signals import session_terminated


@pytest.fixture
def config():
    return AppConfig.create("django_mcp.contrib.otel")


def test_the_app_observes_calls_and_the_ends_of_sessions(config):
    config.ready()

    try:
        assert config.telemetry in observers.observing
        assert session_terminated.disconnect(dispatch_uid="django_mcp.contrib.otel")
    finally:
        observers.stop_observing(config.telemetry)


def test_without_the_library_the_app_names_the_extra(config, monkeypatch):
    monkeypatch.delitem(sys.modules, "django_mcp.contrib.otel.telemetry", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry", None)

    with pytest.raises(ImproperlyConfigured) as raised:
        config.ready()

    assert str(raised.value) == (
        "django_mcp.contrib.otel needs OpenTelemetry: pip install 'django-mcp-endpoints[otel]'."
    )


def test_a_project_without_the_app_imports_nothing_of_it():
    code = (
        "import sys, django; django.setup(); import django_mcp.asgi, django_mcp.views;"
        "from django_mcp import observers;"
        "print([name for name in sys.modules if name.startswith('opentelemetry')],"
        "[one for one in observers.observing if 'otel' in type(one).__module__])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert said.stdout == "[] []\n"
