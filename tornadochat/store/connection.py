"""SQLite connections, as all parts of the store open them."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal

Durability = Literal["full", "normal"]
"""`full`: on the disk before the reply; `normal`: a power cut may take the last moments."""

Connect = Callable[[Path], sqlite3.Connection]
"""Opens the database that exists at an absolute path, with transactions left to the caller."""


_CACHE_KIB: Final = 32 * 1024
_CHECKPOINT_PAGES: Final = 4096
# Of each statement with rows there are some thirty sizes, and making one costs more than running it.
_STATEMENTS: Final = 256


class File:
    """Which file a path named when this was made."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._was = self._now()

    def in_place(self) -> bool:
        """Whether the path still names it; a file that was deleted can be written to, but for nobody."""
        return self._now() == self._was

    def _now(self) -> tuple[int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino


def connect(path: Path) -> sqlite3.Connection:
    """Open the database at `path`.

    Never makes one: in the place of a file that went away an empty database would be a new log
    under the old name. Raises sqlite3.Error.
    """
    # Connections are opened in one thread and used in another, by one thread at a time.
    return sqlite3.connect(
        path.as_uri() + "?mode=rw",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=_STATEMENTS,
    )


def prepare_writing(connection: sqlite3.Connection, durability: Durability) -> None:
    """Set up the one connection that writes. Raises sqlite3.Error."""
    connection.execute("PRAGMA busy_timeout = 5000")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {durability}")
    connection.execute("PRAGMA foreign_keys = ON")
    # The pages that messages and indexes grow at stay here, and the same page, written by many commits,
    # goes from the log of SQLite to the database once.
    connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")


def prepare_reading(connection: sqlite3.Connection) -> None:
    """Set up a connection that only reads. Raises sqlite3.Error."""
    connection.execute("PRAGMA busy_timeout = 5000")
    connection.execute("PRAGMA query_only = ON")
