"""The optional Django app."""

from django.apps import AppConfig
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from django_mcp.observers import observe
from django_mcp.signals import session_terminated


class OpenTelemetryConfig(AppConfig):
    """django_mcp.contrib.otel in INSTALLED_APPS."""

    name = "django_mcp.contrib.otel"
    label = "django_mcp_otel"
    verbose_name = _("MCP telemetry")

    def ready(self) -> None:
        try:
            from .telemetry import Telemetry
        except ImportError as error:
            raise ImproperlyConfigured(
                "django_mcp.contrib.otel needs OpenTelemetry: pip install 'django-mcp-endpoints[otel]'."
            ) from error
        self.telemetry = Telemetry()
        observe(self.telemetry)
        session_terminated.connect(self.telemetry.session_ended, dispatch_uid="django_mcp.contrib.otel")
