"""Records: immutable values of which each message makes a dozen.

The `__init__` of a frozen dataclass calls a function for each field and takes six times as long, a tenth of the time of
a whole message. Records are frozen for type checkers only, and plain dataclasses at run time.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

__all__ = ["record"]

if TYPE_CHECKING:
    from dataclasses import dataclass as record
else:

    def record(*, frozen, slots, **options):
        """A dataclass that the type checker sees as frozen; it is hashable like a frozen one."""
        return dataclass(slots=slots, unsafe_hash=True, **options)
