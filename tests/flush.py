"""Empties the test database after a test that has transactions of its own, quicker than Django does.

Django's `flush` empties every table, and makes every permission and content type anew: on PostgreSQL and MariaDB that
takes longer than most of these tests. A `Flush` deletes the rows of those tables that have some, and keeps what
`migrate` wrote.
"""

from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import connection, transaction

KEPT = (Permission, ContentType)
"""The models of which `migrate` makes rows; those that point at others come first."""


class Flush:
    """Made when the database is as `migrate` left it, and called after each test."""

    def __init__(self) -> None:
        self.kept = self._rows()
        tables = connection.introspection.django_table_names(only_existing=True, include_views=False)
        others = sorted(set(tables) - {model._meta.db_table for model in KEPT})
        self.tables = [connection.ops.quote_name(table) for table in others]

    def __call__(self) -> bool:
        """Deletes rows. False when a test has deleted what `migrate` wrote, which only `migrate` can write again."""
        now = self._rows()
        if any(self.kept[model] - now[model] for model in KEPT):
            return False
        with connection.constraint_checks_disabled(), transaction.atomic(), connection.cursor() as cursor:
            for table in self._filled():
                cursor.execute(f"DELETE FROM {table}")
            for model in KEPT:
                model.objects.filter(pk__in=now[model] - self.kept[model])._raw_delete("default")
        ContentType.objects.clear_cache()
        return True

    def _rows(self) -> dict[type, set[int]]:
        return {model: set(model.objects.values_list("pk", flat=True)) for model in KEPT}

    def _filled(self) -> list[str]:
        looks = (f"SELECT {n} WHERE EXISTS (SELECT 1 FROM {table})" for n, table in enumerate(self.tables))
        with connection.cursor() as cursor:
            cursor.execute(" UNION ALL ".join(looks))
            return [self.tables[n] for (n,) in cursor.fetchall()]
