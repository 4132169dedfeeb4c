"""A base class for commands: help in the reader's language, which ends with examples and exit codes."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from django.core.management.base import BaseCommand, DjangoHelpFormatter
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import override


class HelpFormatter(DjangoHelpFormatter):
    """Keeps the lines of the examples, and fills the description's."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return text if "\n" in text else super()._fill_text(text, width, indent)


class HelpfulCommand(BaseCommand):
    """`examples` are command lines, and `exit_codes` say what each code means: both are printed below the options."""

    help: "str | Promise" = ""  # type: ignore[assignment]
    examples: tuple[str, ...] = ()
    exit_codes: "Mapping[str, str | Promise]" = {}

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        options = {"epilog": self.epilog, "formatter_class": HelpFormatter, **kwargs}
        parser = super().create_parser(prog_name, subcommand, **options)
        # argparse fills the text with regular expressions, which take no lazy one.
        parser.description = str(self.help)
        return parser

    @property
    def epilog(self) -> str:
        return "\n".join(self._epilog())

    def _epilog(self) -> Iterator[str]:
        if self.examples:
            yield from (_("examples:"), *(f"  {line}" for line in self.examples))
        if self.exit_codes:
            yield from ("", _("exit codes:"), *(f"  {code}  {text}" for code, text in self.exit_codes.items()))


def in_english(is_json: bool) -> AbstractContextManager[Any]:
    """The texts of `--json` are for scripts: they are the same in every language."""
    return override(None) if is_json else nullcontext()
