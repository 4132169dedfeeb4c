"""The migrations on PostgreSQL: none rewrites a table that may be large, or keeps others from it for longer than it
takes to change a catalogue. The SQL is that of `manage.py sqlmigrate`, and needs no server.
"""

import re
from collections.abc import Iterator

import pytest
from django.apps import apps
from django.db import migrations, models
from django.db.backends.postgresql.base import DatabaseWrapper
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState

from tests.tables import cases

HARMLESS = ("creates a table", "fills a new table", "changes the catalogue", "builds an index beside its readers")

KINDS = (
    # The first that matches; {table} is that of the statement.
    (r"CREATE TABLE", "creates a table"),
    (r"CREATE (UNIQUE )?INDEX CONCURRENTLY", "builds an index beside its readers"),
    (r"DROP INDEX CONCURRENTLY", "changes the catalogue"),
    (r"CREATE (UNIQUE )?INDEX", "builds an index while nobody may write"),
    (r"ALTER TABLE \S+ ADD CONSTRAINT .* NOT VALID", "changes the catalogue"),
    (r"ALTER TABLE \S+ VALIDATE CONSTRAINT", "changes the catalogue"),
    (r"ALTER TABLE \S+ ADD CONSTRAINT", "reads the whole table while nobody may write"),
    # A constant default is kept in the catalogue since PostgreSQL 11.
    (
        r"ALTER TABLE \S+ ADD COLUMN (?!.*(GENERATED|UNIQUE|REFERENCES|random|now|uuid)).*(NULL|DEFAULT)",
        "changes the catalogue",
    ),
    (r"ALTER TABLE \S+ ADD COLUMN", "rewrites the table"),
    (r"ALTER TABLE \S+ ALTER COLUMN \S+ TYPE", "rewrites the table"),
    (r"ALTER TABLE \S+ ALTER COLUMN \S+ SET NOT NULL", "reads the whole table while nobody may use it"),
    (
        r"ALTER TABLE \S+ (ALTER COLUMN \S+ (DROP|SET) (DEFAULT|NOT NULL)|RENAME|DROP (COLUMN|CONSTRAINT))",
        "changes the catalogue",
    ),
    (r"(DROP TABLE|DROP INDEX|COMMENT ON|SET CONSTRAINTS|ALTER INDEX)", "changes the catalogue"),
    (r"(UPDATE|INSERT|DELETE)", "changes rows"),
)

NEW = {
    "builds an index while nobody may write",
    "reads the whole table while nobody may write",
    "reads the whole table while nobody may use it",
    "rewrites the table",
    "changes rows",
}
"""Kinds that do no harm to a table of the same migration, which is empty."""


def kind_of(sql: str, created: set[str]) -> str:
    """The effect of a statement, in words; `created` are the tables that the migration has made."""
    kind = next((kind for pattern, kind in KINDS if re.match(pattern, sql, re.DOTALL)), "does something unknown")
    table = re.search(r'(?:TABLE|ON|INTO|UPDATE|FROM) "(\w+)"', sql)
    if kind == "creates a table" and table:
        created.add(table[1])
    return "fills a new table" if kind in NEW and table and table[1] in created else kind


@cases(
    ("sql", "kind"),
    [
        ('CREATE TABLE "a" ("id" bigint)', "creates a table"),
        ('CREATE INDEX "i" ON "new" ("x")', "fills a new table"),
        ('CREATE INDEX "i" ON "old" ("x")', "builds an index while nobody may write"),
        ('CREATE INDEX CONCURRENTLY "i" ON "old" ("x")', "builds an index beside its readers"),
        ('ALTER TABLE "old" ADD COLUMN "x" text NULL', "changes the catalogue"),
        ('ALTER TABLE "old" ADD COLUMN "x" integer DEFAULT 0 NOT NULL', "changes the catalogue"),
        ('ALTER TABLE "old" ADD COLUMN "x" timestamp DEFAULT now() NOT NULL', "rewrites the table"),
        ('ALTER TABLE "old" ADD COLUMN "x" bigint NULL CONSTRAINT "c" REFERENCES "b" ("id")', "rewrites the table"),
        ('ALTER TABLE "old" ALTER COLUMN "x" TYPE bigint', "rewrites the table"),
        ('ALTER TABLE "old" ALTER COLUMN "x" SET NOT NULL', "reads the whole table while nobody may use it"),
        ('ALTER TABLE "old" ALTER COLUMN "x" DROP DEFAULT', "changes the catalogue"),
        ('ALTER TABLE "old" ADD CONSTRAINT "c" UNIQUE ("x")', "reads the whole table while nobody may write"),
        ('ALTER TABLE "new" ADD CONSTRAINT "c" UNIQUE ("x")', "fills a new table"),
        ('ALTER TABLE "old" DROP COLUMN "x" CASCADE', "changes the catalogue"),
        ('UPDATE "old" SET "x" = 1', "changes rows"),
        ("VACUUM FULL", "does something unknown"),
    ],
)
def test_a_statement_is_known_by_what_it_does_to_a_table(sql, kind):
    assert kind_of(sql, {"new"}) == kind


def own_migrations() -> list[tuple[str, str]]:
    labels = {config.label for config in apps.get_app_configs() if config.name.startswith("django_mcp")}
    return sorted(key for key in MigrationLoader(None).graph.nodes if key[0] in labels)


def statements_of(migration: migrations.Migration, state: ProjectState) -> Iterator[str]:
    connection = DatabaseWrapper({"NAME": "nowhere", "TIME_ZONE": None, "OPTIONS": {}, "USER": "", "CONN_MAX_AGE": 0})
    with connection.schema_editor(collect_sql=True, atomic=False) as editor:
        # Two questions that would need a server: the names of constraints, and how values are quoted.
        editor._constraint_names = lambda *args, **kwargs: []
        connection.ops.compose_sql = lambda sql, values: sql % tuple(map(repr, values or ()))
        migration.apply(state, editor, collect_sql=True)
    yield from (line for line in editor.collected_sql if not line.startswith("--"))


@pytest.mark.parametrize("key", own_migrations(), ids=".".join)
def test_a_migration_neither_rewrites_nor_locks_a_large_table(key):
    loader = MigrationLoader(None)
    migration = loader.get_migration(*key)
    created: set[str] = set()

    found = {sql: kind_of(sql, created) for sql in statements_of(migration, loader.project_state(key, at_end=False))}

    assert {sql: kind for sql, kind in found.items() if kind not in HARMLESS} == {}
    unseen = [type(step).__name__ for step in migration.operations if not step.reduces_to_sql]
    assert unseen == [], "A step in Python may read every row: say here how it stays short"


def test_an_index_on_a_table_that_is_there_would_be_found():
    class Late(migrations.Migration):
        operations = [
            migrations.AddIndex("event", models.Index(fields=["is_last"], name="late")),
            migrations.AlterField("event", "sequence", models.CharField(max_length=10)),
        ]

    loader = MigrationLoader(None)
    state = loader.project_state(("django_mcp", "0001_initial"))

    kinds = {kind_of(sql, set()) for sql in statements_of(Late("late", "django_mcp"), state)}

    assert kinds - set(HARMLESS) == {"builds an index while nobody may write", "rewrites the table"}
