import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import django_mcp.models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Session",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "session_id",
                    django_mcp.models.ExactCharField(
                        default=django_mcp.models.new_session_id, editable=False, max_length=43
                    ),
                ),
                ("server", django_mcp.models.ExactCharField(max_length=200)),
                ("principal", django_mcp.models.ExactCharField(blank=True, default="", max_length=255)),
                ("protocol_version", models.CharField(max_length=32)),
                ("client_info", django_mcp.models.JSONTextField(default=dict)),
                (
                    "client_name",
                    django_mcp.models.ExactCharField(blank=True, default="", max_length=100, verbose_name="client"),
                ),
                ("client_capabilities", django_mcp.models.JSONTextField(default=dict)),
                ("log_level", models.CharField(blank=True, default="", max_length=16)),
                ("state", django_mcp.models.JSONTextField(default=dict)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, verbose_name="created")),
                ("last_seen_at", models.DateTimeField(default=django.utils.timezone.now, verbose_name="last seen")),
                ("expires_at", models.DateTimeField(verbose_name="expires")),
                ("terminated_at", models.DateTimeField(blank=True, null=True, verbose_name="terminated")),
                (
                    "user",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="mcp_sessions",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "default_permissions": ("view", "terminate"),
                "indexes": [
                    models.Index(fields=["expires_at"], name="mcp_session_expires"),
                    models.Index(fields=["principal", "expires_at"], name="mcp_session_principal"),
                ],
                "constraints": [models.UniqueConstraint(fields=("session_id",), name="mcp_session_id_unique")],
            },
        ),
    ]
