"""Statements that take many rows at once.

Rows bound one value at a time into `VALUES` are what SQLite takes in fastest, and one statement is one
exchange of the interpreter's lock, however many rows it has.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from itertools import chain
from types import MappingProxyType
from typing import Final

_KEPT: Final = 512


class Values:
    """A statement with `{rows}` in the place of rows of so many values.

    It is made in a few sizes, which the driver keeps prepared: making one costs more than running it.
    The rows that are too many are all NULL, and it is for the statement to pass over them. It never
    changes, so that any thread may use it with its own connection.
    """

    def __init__(self, statement: str, width: int) -> None:
        self._statement = statement
        self._width = width
        sizes = set(map(_size, range(1, _KEPT + 1)))
        self._texts = MappingProxyType({size: self._of(size) for size in sizes})

    def execute(self, connection: sqlite3.Connection, rows: Sequence[Iterable[object]]) -> sqlite3.Cursor:
        """Run it with one row at least. Raises sqlite3.Error."""
        size = _size(len(rows))
        values = list(chain.from_iterable(rows))
        values += [None] * (size * self._width - len(values))
        return connection.execute(self.of(size), values)

    def of(self, size: int) -> str:
        """The statement for so many rows."""
        return self._texts.get(size) or self._of(size)

    def _of(self, size: int) -> str:
        row = f"({', '.join('?' * self._width)})"
        return self._statement.format(rows=", ".join([row] * size))


def _size(count: int) -> int:
    """The next greater of the sizes, of which there are four from one power of two to the next."""
    step = 1 << max(0, (count - 1).bit_length() - 3)
    return -(-count // step) * step
