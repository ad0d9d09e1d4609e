"""What `doctor` looks at in the store: the file, its place, its content, and who has it."""

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tornadochat.admin import AdminError
from tornadochat.admin.database import check, contents, in_units, reading, version_of
from tornadochat.admin.progress import Progress
from tornadochat.admin.report import Finding
from tornadochat.store.upkeep import is_claimed, revisions

_MIB: Final = 1 << 20
FULL_BYTES: Final = 64 * _MIB
"""With less free space than this the store will soon refuse messages."""
LOW_BYTES: Final = 1024 * _MIB

IN_USE: Final = Finding("ok", "use", "a server has it now")
UNUSED: Final = Finding("ok", "use", "no server has it now")


def check_store(path: Path, progress: Progress) -> Iterator[Finding]:
    """Everything about the database at `path`; what cannot be known is left out."""
    place = _place(path)
    yield place
    if place.level == "fault":
        return
    yield space(shutil.disk_usage(path.parent).free)
    if path.exists():
        yield from _permissions(path)
        yield from _content(path, progress)
    yield _claim(path)


def _place(path: Path) -> Finding:
    if not path.parent.is_dir():
        return Finding("fault", "store", f"{path}: there is no such folder")
    if not path.exists():
        if not os.access(path.parent, os.W_OK | os.X_OK):
            return Finding("fault", "store", f"{path}: cannot be made in this folder")
        return Finding("ok", "store", f"{path} is not there yet; the first start makes it")
    if not path.is_file():
        return Finding("fault", "store", f"{path} is no file")
    # SQLite makes and removes files beside it.
    if not os.access(path, os.R_OK | os.W_OK) or not os.access(path.parent, os.W_OK | os.X_OK):
        return Finding("fault", "store", f"{path}: this user may not write to it, or not beside it")
    return Finding("ok", "store", f"{path}, {in_units(path.stat().st_size)}")


def space(free: int) -> Finding:
    """What so many free bytes on the store's disk mean."""
    text = f"{in_units(free)} free"
    if free < FULL_BYTES:
        return Finding("fault", "disk", f"{text}: the store will soon refuse messages")
    return Finding("warning" if free < LOW_BYTES else "ok", "disk", text)


def _permissions(path: Path) -> Iterator[Finding]:
    found = path.stat()
    mode = stat.S_IMODE(found.st_mode)
    if mode & 0o077:
        text = f"{path} has mode {mode:03o}: others may read private messages; chmod 600 mends it"
        yield Finding("warning", "permissions", text)
    else:
        yield Finding("ok", "permissions", f"mode {mode:03o}, nobody else's")
    if found.st_nlink > 1:
        text = f"{path} has {found.st_nlink} names: a restore was broken off; another restore mends it"
        yield Finding("warning", "permissions", text)


def _content(path: Path, progress: Progress) -> Iterator[Finding]:
    try:
        with reading(path) as connection:
            version = version_of(connection, path)
            newest = revisions()[0]
            check(connection, path, progress)
            yield Finding("ok", "content", f"{contents(connection)}; no damage")
            older = "" if version == newest else f"; the next start brings it to {newest}"
            yield Finding("ok", "schema", version + older)
    except AdminError as error:
        yield Finding("fault", "content", str(error))


def _claim(path: Path) -> Finding:
    try:
        used = is_claimed(path)
    except OSError as error:
        return Finding("warning", "use", f"whether a server uses it cannot be seen: {error.strerror}")
    return IN_USE if used else UNUSED
