"""How a statement begins, and when one cannot be sure of it."""

from django_mcp.execution.statements import head_of, text_of
from tests.tables import cases

HEADS = {
    "SELECT 1": "SELECT",
    "  \n select a, b from c": "SELECT A",
    "((SELECT 1) UNION SELECT 2)": "SELECT",
    "/* why */ -- and how\n SELECT 1": "SELECT",
    "/*x*/INSERT INTO a VALUES (1)": "INSERT INTO A",
    "-- SELECT\nDELETE FROM a": "DELETE FROM A",
    "ROLLBACK/**/TO SAVEPOINT s1": "ROLLBACK TO SAVEPOINT",
    "SELECT 1 ; \n ;": "SELECT",
    "SELECT ';', \"a;b\" -- ; \n /* ; */": "SELECT",
    "SELECT 1; DELETE FROM a": "",
    "SELECT 1 -- \n; DELETE FROM a": "",
    "SELECT 'it''s'; DELETE FROM a": "",
    "SELECT 'open; DELETE FROM a": "",
    # Read in another way by another database, or by another setting of it.
    r"SELECT '\'; DELETE FROM a; --'": "",
    "SELECT $$;$$; DELETE FROM a": "",
    "/* /* */ SELECT 1 */ DELETE FROM a": "",
    "SELECT 1 --\r'\n; DELETE FROM a --'": "",
    "/* open SELECT 1": "",
    "": "",
    "1": "",
}


@cases("vendor", ["postgresql", "sqlite", "mysql", "oracle"])
def test_a_statement_is_known_by_its_first_words_when_it_is_one(vendor):
    found = {sql: head_of(sql, vendor) for sql in HEADS}

    assert [sql for sql, head in HEADS.items() if not found[sql].startswith(head)] == []
    assert [sql for sql, head in HEADS.items() if found[sql] and not head] == []


@cases(
    ("sql", "head"),
    [
        ("/*! DELETE FROM a */", ""),
        ("SELECT 1 /*M!100100 INTO OUTFILE 'x' */", ""),
        ("# why\nSELECT 1", "SELECT"),
        # No comment there, and so no end of one.
        ("SELECT 5--1; DELETE FROM a", ""),
        ("--1", ""),
    ],
)
def test_mysql_has_comments_of_its_own(sql, head):
    assert head_of(sql, "mysql") == head


def test_a_long_statement_is_read_in_little_time():
    for sql in (
        "(" * 100_000,
        "/*" * 100_000,
        "-- \n" * 100_000,
        "'" * 99_999 + ";x",
        "SELECT 1" + ";" * 100_000 + "x",
    ):
        assert head_of(sql, "postgresql") in ("", "SELECT")


def test_a_statement_that_a_driver_composes_is_text():
    class Composed:
        def as_string(self, connection):
            return f"SELECT {connection}"

    class Connection:
        connection = 1

    assert text_of(Composed(), Connection()) == "SELECT 1"
    assert text_of(b"SELECT 1", Connection()) == "SELECT 1"
