from __future__ import annotations

from itertools import islice
from typing import Any

import airportsdata
from django.core.management.base import BaseCommand, CommandParser
from django.db import connections, router, transaction

from testproject.airports.models import Airport

BATCH = 2000
LOADED_FIELDS = [field.name for field in Airport._meta.concrete_fields if not field.primary_key]


class Command(BaseCommand):
    help = "Load the world's airports (some 28 000) from the airportsdata package."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--force", action="store_true", help="load again what is already there")

    def handle(self, *args: Any, force: bool, **options: Any) -> None:
        rows = airportsdata.load("ICAO")
        loaded = Airport.objects.count()
        if loaded >= len(rows) and not force:
            self.stdout.write(f"{loaded} airports are already loaded (--force loads them again).")
            return

        database = router.db_for_write(Airport)
        airports = (airport_from(row) for row in rows.values())
        written = 0
        with transaction.atomic(using=database):
            while batch := list(islice(airports, BATCH)):
                Airport.objects.bulk_create(
                    batch, update_conflicts=True, update_fields=LOADED_FIELDS, unique_fields=conflict(database)
                )
                written += len(batch)
                self.show_progress(written, len(rows))
        self.stdout.write(self.style.SUCCESS(f"Loaded {written} airports."))

    def show_progress(self, written: int, total: int) -> None:
        if self.stdout.isatty():
            self.stdout.write(f"{written} of {total} airports", ending="\r" if written < total else "\n")
            self.stdout.flush()


def conflict(database: str) -> list[str] | None:
    """The conflict that means "already there": MySQL and MariaDB cannot name it, and take any."""
    return ["icao"] if connections[database].features.supports_update_conflicts_with_target else None


def airport_from(row: airportsdata.Airport) -> Airport:
    return Airport(
        icao=row["icao"],
        iata=row["iata"],
        name=row["name"],
        city=row["city"],
        subdivision=row["subd"],
        country=row["country"],
        elevation_ft=round(row["elevation"]),
        latitude=row["lat"],
        longitude=row["lon"],
        time_zone=row["tz"],
    )
