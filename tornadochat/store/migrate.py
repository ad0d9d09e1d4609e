"""Bring the database file to the schema of this version, at every start."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from tornadochat.store.connection import connect
from tornadochat.store.errors import StoreError

HEAD: Final = "0003"
"""The schema of this version: the last of the migrations."""

_SCHEME: Final = "sqlite:///"


def path_of(url: str) -> Path:
    """The absolute path that a `store.url` names. Raises StoreError."""
    path = url.removeprefix(_SCHEME)
    if path == url or "?" in path or not path.strip("/") or path == ":memory:":
        # The URL is not repeated: one of another kind may hold a password.
        raise StoreError("the store's URL must be sqlite:///path of a file, without parameters")
    return Path(path).absolute()


def migrate(path: Path) -> None:
    """Make the database at `path`, or bring it to the newest schema, in one transaction.

    Of several servers that start at once one does it, the others wait and find it done. Raises
    StoreError.
    """
    if _revision(path) != HEAD:
        # Alembic takes longer to load than all the rest of a start, which hardly ever needs it.
        from tornadochat.store.upgrade import upgrade

        upgrade(path)


def _revision(path: Path) -> str | None:
    """What the database says of its schema; None if it cannot be read, for whatever reason."""
    try:
        with closing(connect(path)) as connection:
            found = connection.execute("SELECT version_num FROM alembic_version").fetchall()
    except sqlite3.Error:
        return None
    return str(found[0][0]) if len(found) == 1 else None
