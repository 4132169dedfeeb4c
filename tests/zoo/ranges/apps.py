from django.apps import AppConfig
from django.contrib.postgres.signals import get_hstore_oids, register_type_handlers
from django.db import connections
from django.db.models.signals import pre_migrate


def make_extensions(sender, using, **kwargs):
    """A project's first migration would do it; the zoo's migrations are made from its models."""
    if connections[using].vendor != "postgresql":
        return
    with connections[using].cursor() as cursor:
        cursor.execute("CREATE EXTENSION IF NOT EXISTS hstore")
    get_hstore_oids.cache_clear()
    register_type_handlers(connections[using])


class RangesConfig(AppConfig):
    name = "tests.zoo.ranges"

    def ready(self):
        pre_migrate.connect(make_extensions, sender=self)
