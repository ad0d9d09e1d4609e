"""A database file as the commands look at it: read, checked as a whole, counted, copied."""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from tornadochat.admin import AdminError
from tornadochat.admin.progress import Progress
from tornadochat.store.upkeep import revisions

SIDE_FILES: Final = ("-wal", "-shm", "-journal")
"""What SQLite keeps beside a database, at the end of its name."""

_PAGES: Final = 512
"""Copied between two looks at how far it is: 2 MiB."""
_STEPS: Final = 20_000
"""Instructions of SQLite between two signs of life: about a millisecond."""
_TOLD: Final = 3

Counts = dict[str, int]
"""How many rows each table has."""


class Contents(NamedTuple):
    """What somebody would recognise a database by."""

    users: int
    messages: int
    bytes: int

    def __str__(self) -> str:
        return f"{plural(self.users, 'user')}, {plural(self.messages, 'message')}, {in_units(self.bytes)}"


@contextlib.contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """The database at `path`, as it is at this moment however much is written meanwhile.

    Raises AdminError, also for what SQLite finds wrong within.
    """
    with _open(path, "ro") as connection:
        connection.execute("BEGIN")
        # The transaction begins with its first read.
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        yield connection


@contextlib.contextmanager
def writing(path: Path) -> Iterator[sqlite3.Connection]:
    """The database at `path`, every statement its own transaction. Raises AdminError as `reading` does."""
    with _open(path, "rw") as connection:
        yield connection


@contextlib.contextmanager
def _open(path: Path, mode: str) -> Iterator[sqlite3.Connection]:
    try:
        # A missing folder and a missing file are the same to SQLite.
        path.stat()
    except OSError as error:
        raise AdminError(f"{path}: {error.strerror}") from None
    if path.is_dir():
        # To SQLite a disk error.
        raise AdminError(f"{path}: Is a directory")
    try:
        uri = f"{path.absolute().as_uri()}?mode={mode}"
        with contextlib.closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as connection:
            connection.execute("PRAGMA busy_timeout = 5000")
            yield connection
    except sqlite3.Error as error:
        raise AdminError(f"{path}: {error}") from error


def version_of(connection: sqlite3.Connection, path: Path) -> str:
    """The version of the schema. Raises AdminError for a database that is none of tornadochat's."""
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    if not {"alembic_version", "meta", "user", "message"} <= tables:
        raise AdminError(f"{path}: no database of tornadochat")
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    if row is None or connection.execute("SELECT 1 FROM meta WHERE key = 'epoch'").fetchone() is None:
        raise AdminError(f"{path}: no database of tornadochat")
    if row[0] not in revisions():
        raise AdminError(f"{path}: schema {row[0]} is of a newer version of tornadochat than this one")
    return str(row[0])


def check(connection: sqlite3.Connection, path: Path, progress: Progress) -> None:
    """Look at every page and every reference. Raises AdminError with the first things that are wrong."""
    progress.begin("checking")
    connection.set_progress_handler(progress.tick, _STEPS)
    try:
        wrong = [text for (text,) in connection.execute(f"PRAGMA integrity_check({_TOLD})") if text != "ok"]
        if not wrong:
            rows = connection.execute("PRAGMA foreign_key_check").fetchmany(_TOLD)
            wrong = [f"row {row} of {table} refers to a {to} that is not there" for table, row, to, _ in rows]
        if not wrong:
            wrong = [f"message {row[0]} is of a user that is not there" for row in _of_nobody(connection)]
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:  # what was raised in the handler is lost
            raise KeyboardInterrupt from None
        raise
    finally:
        connection.set_progress_handler(None, 0)
        progress.end()
    if wrong:
        raise AdminError(f"{path}: damaged: {'; '.join(' '.join(text.split()) for text in wrong)}")


def _of_nobody(connection: sqlite3.Connection) -> list[tuple[int]]:
    """Messages of users that there are not; since schema 0003 no foreign key keeps these out."""
    return connection.execute(
        "SELECT number FROM message WHERE NOT EXISTS (SELECT 1 FROM user WHERE id = sender) "
        "OR NOT EXISTS (SELECT 1 FROM user WHERE id = recipient) ORDER BY number"
    ).fetchmany(_TOLD)


def counts(connection: sqlite3.Connection) -> Counts:
    """How many rows each table has, whatever tables there are."""
    tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    return {
        table: connection.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0] for table in sorted(tables)
    }


def contents(connection: sqlite3.Connection) -> Contents:
    """Who and what is in it."""
    users, messages, pages, size = connection.execute(
        "SELECT (SELECT count(*) FROM user), (SELECT count(*) FROM message), page_count, page_size "
        "FROM pragma_page_count, pragma_page_size"
    ).fetchone()
    return Contents(users, messages, pages * size)


def copy(connection: sqlite3.Connection, target: Path, progress: Progress) -> None:
    """Copy everything into the empty file `target`, which becomes one file with nothing beside it.

    A connection within a transaction copies what that sees: without one, every commit of the server
    would begin the copy anew. Raises AdminError for a disk that does not take it, else sqlite3.Error.
    """

    def advance(_status: int, remaining: int, total: int) -> None:
        progress.advance(total - remaining, total)

    progress.begin("copying")
    with contextlib.closing(sqlite3.connect(target, isolation_level=None)) as copied:
        # One fsync at the end takes the place of many: what is half done will be thrown away.
        copied.execute("PRAGMA synchronous = OFF")
        try:
            connection.backup(copied, pages=_PAGES, progress=advance)
            as_one_file(copied)
        except sqlite3.Error as error:
            # SQLite does not say which of the two failed.
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
                raise AdminError(f"{target.parent}: {error} (is there enough space?)") from None
            raise
    progress.end()


def as_one_file(connection: sqlite3.Connection) -> None:
    """Take in what is beside the database; a server makes its files again. Raises sqlite3.Error."""
    (mode,) = connection.execute("PRAGMA journal_mode = DELETE").fetchone()
    if mode != "delete":
        raise sqlite3.OperationalError("in use by another program")


def make_empty(path: Path) -> None:
    """Make a new file that nobody else can read: private messages will be in it. Raises OSError."""
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))


def remove(path: Path) -> None:
    """Remove a database and what SQLite keeps beside it, as far as they are there."""
    for end in ("", *SIDE_FILES):
        path.with_name(path.name + end).unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Have a file, or the names in a folder, on the disk. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def plural(number: int, word: str) -> str:
    """`1 user`, `2 users`."""
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def in_units(size: int) -> str:
    """A number of bytes for people."""
    amount, unit = float(size), "bytes"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if amount < 1024:
            break
        amount, unit = amount / 1024, larger
    return f"{amount:.0f} {unit}" if unit == "bytes" or amount >= 10 else f"{amount:.1f} {unit}"
