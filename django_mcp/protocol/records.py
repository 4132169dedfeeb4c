"""Records: the values that every message makes anew, and that nobody changes.

A frozen dataclass sets each of its fields by a function call, which takes six times as long as a plain one; a message
makes a dozen, so that is a tenth of its time. These are frozen to the type checker, and plain when they run.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

__all__ = ["record"]

if TYPE_CHECKING:
    from dataclasses import dataclass as record
else:

    def record(*, frozen, slots, **options):
        """A dataclass whose `frozen=True` the type checker sees to; it has the hash of a frozen one."""
        return dataclass(slots=slots, unsafe_hash=True, **options)
