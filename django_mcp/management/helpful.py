"""A base class for commands: help in the reader's language, which ends with examples and exit codes."""

import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError, DjangoHelpFormatter
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import override

PIPE_CLOSED: Final = 141
"""The exit code that shells give to a program whose reader has gone away."""


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

    def execute(self, *args: Any, **options: Any) -> Any:
        if not all(map(_is_text, options.values())):
            raise CommandError(_("An argument has bytes that are no text in UTF-8."), returncode=2)
        try:
            return super().execute(*args, **options)
        except BrokenPipeError:
            self._drop_output()
            raise CommandError(_("The reader of the output has gone away."), returncode=PIPE_CLOSED) from None

    def _drop_output(self) -> None:
        """Sends the rest of the output nowhere: the interpreter would write it at its end, and fail again."""
        with suppress(OSError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.stdout.fileno())
            os.close(nowhere)

    @property
    def epilog(self) -> str:
        return "\n".join(self._epilog())

    def _epilog(self) -> Iterator[str]:
        if self.examples:
            yield from (_("examples:"), *(f"  {line}" for line in self.examples))
        if self.exit_codes:
            yield from ("", _("exit codes:"), *(f"  {code}  {text}" for code, text in self.exit_codes.items()))


def _is_text(value: Any) -> bool:
    """Whether no part of an argument has half a surrogate pair, as Python reads bytes that are not UTF-8."""
    if isinstance(value, list | tuple):
        return all(map(_is_text, value))
    try:
        str(value if isinstance(value, str | Path) else "").encode()
    except UnicodeEncodeError:
        return False
    return True


def in_english(is_json: bool) -> AbstractContextManager[Any]:
    """The texts of `--json` are for scripts: they are the same in every language."""
    return override(None) if is_json else nullcontext()
