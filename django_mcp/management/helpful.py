"""A base class for commands whose `--help` ends with examples and exit codes."""

from typing import Any

from django.core.management.base import BaseCommand, DjangoHelpFormatter


class _Formatter(DjangoHelpFormatter):
    """Keeps the lines of the examples, and fills the description's."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return text if "\n" in text else super()._fill_text(text, width, indent)


class HelpfulCommand(BaseCommand):
    """`epilog` is printed below the options, line by line."""

    epilog = ""

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        options = {"epilog": self.epilog, "formatter_class": _Formatter, **kwargs}
        return super().create_parser(prog_name, subcommand, **options)
