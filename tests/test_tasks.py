"""The purge as a task of Django's tasks framework, or of its backport."""

import sys
from datetime import timedelta

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone

from django_mcp.models import Session
from django_mcp.storage import purge, upkeep


@pytest.mark.django_db
def test_the_task_purges_and_says_what_it_did(settings, monkeypatch):
    monkeypatch.setattr(purge, "also_purged", [])
    from django_mcp import tasks

    module = type(tasks.purge).__module__.partition(".base")[0]
    settings.TASKS = {"default": {"BACKEND": f"{module}.backends.immediate.ImmediateBackend"}}
    Session.objects.create(server="airports", expires_at=timezone.now() - timedelta(seconds=1))

    result = tasks.purge.enqueue()

    assert (result.status.name, result.return_value) == ("SUCCESSFUL", {"sessions": 1, "events": 0})
    assert upkeep.last_run("purge") is not None


def test_a_project_without_either_framework_is_told_the_remedy(monkeypatch):
    monkeypatch.delitem(sys.modules, "django_mcp.tasks", raising=False)
    monkeypatch.setitem(sys.modules, "django.tasks", None)
    monkeypatch.setitem(sys.modules, "django_tasks", None)

    with pytest.raises(ImproperlyConfigured) as raised:
        import django_mcp.tasks  # noqa: F401

    assert str(raised.value) == (
        "django_mcp.tasks needs Django 6, or the backport of its tasks framework: pip install django-tasks."
    )
