"""The base of the commands: their arguments are text, and a reader of their output may leave."""

import os
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from django_mcp.management.helpful import HelpfulCommand
from tests.tables import cases


class Says(HelpfulCommand):
    requires_system_checks = ()

    def add_arguments(self, parser):
        parser.add_argument("words", nargs="*")
        parser.add_argument("--file", type=Path)

    def handle(self, **options):
        self.stdout.write(" ".join(options["words"]))
        self.stdout.flush()


def test_text_of_any_language_is_an_argument():
    out = StringIO()
    call_command(Says(), "Zürich", "東京", stdout=out)

    assert out.getvalue() == "Zürich 東京\n"


@cases("arguments", [["ok", "\udcff"], ["--file", "a\udcff"]])
def test_bytes_that_are_no_text_are_refused(arguments):
    with pytest.raises(CommandError, match=r"^An argument has bytes that are no text in UTF-8\.$") as refused:
        call_command(Says(), *arguments)
    assert refused.value.returncode == 2


def test_a_reader_that_leaves_ends_the_command_without_a_traceback():
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w") as out:
        with pytest.raises(CommandError, match=r"^The reader of the output has gone away\.$") as ended:
            call_command(Says(), "hello", stdout=out)
        # The rest, which the interpreter writes at its end, goes nowhere.
        out.write("more")

    assert ended.value.returncode == 141
