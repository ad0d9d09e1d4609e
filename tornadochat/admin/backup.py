"""`backup`: a copy of the database, made while the server runs and verified before it has its name."""

import contextlib
import os
import secrets
import sqlite3
from pathlib import Path

from tornadochat.admin import AdminError
from tornadochat.admin.database import (
    SIDE_FILES,
    Contents,
    check,
    contents,
    copy,
    counts,
    make_empty,
    reading,
    remove,
    sync,
    version_of,
)
from tornadochat.admin.progress import Progress
from tornadochat.store.upkeep import lock_of


def backup(database: Path, target: Path, *, force: bool, progress: Progress) -> Contents:
    """Copy the database into the file `target`; another file of that name goes only if `force`.

    At every moment `target` is what it was before, or the whole verified copy. Raises AdminError.
    """
    target = target.absolute()
    _refuse(database, target, force)
    partial = target.with_name(f".{target.name}.{secrets.token_hex(4)}.partial")
    try:
        with reading(database) as source:
            version_of(source, database)
            make_empty(partial)
            copy(source, partial, progress)
            told = _verified(partial, counts(source), progress)
        sync(partial)
        _give_name(partial, target, force)
        sync(target.parent)
    except OSError as error:
        raise AdminError(f"{error.filename or target}: {error.strerror}") from None
    except sqlite3.Error as error:
        raise AdminError(f"{target}: {error}") from None
    finally:
        progress.end()
        with contextlib.suppress(OSError):
            remove(partial)
    return told


def _refuse(database: Path, target: Path, force: bool) -> None:
    real = database.resolve()
    own = [lock_of(database), *(real.with_name(real.name + end) for end in SIDE_FILES)]
    if target.resolve() in [file.resolve() for file in own] or _is_same(target, database):
        raise AdminError(f"{target}: belongs to the database itself")
    if target.is_dir():
        raise AdminError(f"{target}: Is a directory")
    if target.exists() and not target.is_file():
        # Renaming would put a file in the place of a device: /dev/null, for all the machine.
        raise AdminError(f"{target}: is no file")
    if not target.parent.exists():
        raise AdminError(f"{target.parent}: No such file or directory")
    if target.exists() and not force:
        raise AdminError(f"{target}: is there already; --force replaces it")


def _is_same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False


def _verified(copied: Path, expected: dict[str, int], progress: Progress) -> Contents:
    with reading(copied) as connection:
        check(connection, copied, progress)
        if counts(connection) != expected:
            raise AdminError(f"{copied}: the copy does not have what the database has")
        return contents(connection)


def _give_name(partial: Path, target: Path, force: bool) -> None:
    if force:
        os.replace(partial, target)
        return
    try:
        # Unlike renaming, linking never replaces what came there meanwhile.
        os.link(partial, target)
    except FileExistsError:
        raise AdminError(f"{target}: is there already; --force replaces it") from None
