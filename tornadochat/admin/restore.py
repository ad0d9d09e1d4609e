"""`restore`: a backup takes the place of the database, which is kept aside.

Killed at any moment, it leaves under the database's name either the one or the other, whole: everything
is made ready beside it, and one rename is the restoring. The claim is held meanwhile, so that no server
starts in between.
"""

import contextlib
import os
import secrets
import sqlite3
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple

from tornadochat.admin import AdminError
from tornadochat.admin.database import (
    SIDE_FILES,
    Contents,
    as_one_file,
    check,
    contents,
    copy,
    make_empty,
    reading,
    remove,
    sync,
    version_of,
    writing,
)
from tornadochat.admin.progress import Progress
from tornadochat.store.upkeep import Claim, StoreError, is_claimed, lock_of, make_ready

_BUSY: Final = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


class Restored(NamedTuple):
    """What is in the database now, and where that of before is, if there was one."""

    contents: Contents
    aside: Path | None


def restore(database: Path, source: Path, *, now: datetime, progress: Progress) -> Restored:
    """Put the backup `source` in the place of the database, as a new log. Raises AdminError."""
    # SQLite keeps its files beside what a symbolic link leads to, and the claim is beside the link.
    source, linked, database = source.absolute(), database, database.resolve()
    # A fixed name: there is one restoring at a time, and what a killed one left goes with the next.
    staged = database.with_name(database.name + "-restoring")
    if source in (database, staged) or (database.exists() and source.exists() and source.samefile(database)):
        raise AdminError(f"{source}: is the database itself")
    try:
        with _claimed(linked):
            try:
                told = _stage(source, staged, database, progress)
                aside = _set_aside(database, now)
                _replace(staged, database)
            finally:
                progress.end()
                remove(staged)
    except OSError as error:
        raise AdminError(f"{error.filename or database}: {error.strerror}") from None
    except sqlite3.Error as error:
        raise AdminError(f"{database}: {error}") from None
    except StoreError as error:
        raise AdminError(str(error)) from None
    return Restored(told, aside)


@contextlib.contextmanager
def _claimed(database: Path) -> Iterator[None]:
    if is_claimed(database):
        raise AdminError(f"{database}: in use by a server; stop it first")
    claim = Claim(database)
    try:
        _own_like(lock_of(database), database)
        yield
    finally:
        claim.release()


def _stage(source: Path, staged: Path, database: Path, progress: Progress) -> Contents:
    """The backup beside the database: verified, up to date, and another log than the one it was."""
    remove(staged)
    with reading(source) as connection:
        version_of(connection, source)
        make_empty(staged)
        copy(connection, staged, progress)
    with reading(staged) as connection:
        check(connection, source, progress)
    # A server writes its indexes late: a backup may hold messages that none of them holds.
    progress.begin("indexing")
    make_ready(staged, progress.advance)
    progress.end()
    with writing(staged) as connection:
        # Cursors of the log that the backup was taken from mean nothing in what will be written now.
        connection.execute("UPDATE meta SET value = ? WHERE key = 'epoch'", (secrets.token_hex(6),))
        as_one_file(connection)
        told = contents(connection)
    _own_like(staged, database)
    sync(staged)
    return told


def _set_aside(database: Path, now: datetime) -> Path | None:
    """Give the present database a second name, under which it stays."""
    if not database.exists():
        return None
    for other in database.parent.glob(f"{database.name}.before-*"):
        if other.samefile(database):  # of a restoring that was killed right here
            other.unlink()
    _fold(database)
    aside = database.with_name(f"{database.name}.before-{now:%Y-%m-%dT%H-%M-%SZ}")
    os.link(database, aside)
    for end in SIDE_FILES:
        with contextlib.suppress(FileNotFoundError):
            os.link(database.with_name(database.name + end), aside.with_name(aside.name + end))
    sync(aside.parent)
    return aside


def _fold(database: Path) -> None:
    """Have everything of the present database in its one file.

    What is beside it would be taken for the restored one's. A database that is too damaged for this
    keeps its side files, and `_set_aside` takes them along.
    """
    try:
        with writing(database) as connection:
            as_one_file(connection)
    except AdminError as error:
        if not isinstance(error.__cause__, sqlite3.Error):
            raise
        if _is_busy(error.__cause__):
            raise AdminError(f"{database}: in use by another program") from None


def _is_busy(error: sqlite3.Error) -> bool:
    # Python itself raises some without a code: that of as_one_file is one.
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_BUSY)
    return code & 0xFF in _BUSY


def _replace(staged: Path, database: Path) -> None:
    for end in SIDE_FILES:  # there are none unless the database is damaged
        database.with_name(database.name + end).unlink(missing_ok=True)
    os.replace(staged, database)
    sync(database.parent)


def _own_like(file: Path, database: Path) -> None:
    """Where root restores, the server, which runs as somebody else, has to be able to write."""
    if os.geteuid() == 0:
        model = (database if database.exists() else database.parent).stat()
        os.chown(file, model.st_uid, model.st_gid)
