"""Tables for a terminal."""

from collections.abc import Sequence


def print_table(rows: Sequence[Sequence[str]], labels: int = 1) -> None:
    """Prints rows, the first of which heads the columns: `labels` columns of words, then numbers."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [
            cell.ljust(width) if index < labels else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        print("  ".join(cells).rstrip())
