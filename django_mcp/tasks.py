"""Tasks for Django's tasks framework (Django 6), or for its backport `django-tasks`; without either, importing this
module fails.

`purge.enqueue()` has a worker delete what has ended or aged. Enqueue it daily.
"""

from django.core.exceptions import ImproperlyConfigured

from django_mcp.storage.purge import purge_daily

try:
    from django.tasks import task
except ImportError:
    try:
        from django_tasks import task  # type: ignore[import-not-found,no-redef,unused-ignore]
    except ImportError as error:
        raise ImproperlyConfigured(
            "django_mcp.tasks needs Django 6, or the backport of its tasks framework: pip install django-tasks."
        ) from error


@task()
def purge() -> dict[str, int]:
    """Deletes ended sessions and old rows, as `manage.py mcp_purge` does; returns their numbers."""
    return purge_daily()
