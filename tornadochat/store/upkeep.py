"""The store's second door: for who keeps its file, by a command, rather than serves from it."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

from alembic.script import ScriptDirectory

from tornadochat.store.claim import Claim, is_claimed, lock_of
from tornadochat.store.connection import connect
from tornadochat.store.errors import StoreError
from tornadochat.store.log import open_log
from tornadochat.store.migrate import migrate, path_of
from tornadochat.store.store import clock

__all__ = ["Claim", "StoreError", "is_claimed", "lock_of", "make_ready", "migrate", "path_of", "revisions"]


def make_ready(path: Path, progress: Callable[[int, int], None] = lambda done, total: None) -> None:
    """Bring the database at `path` to the newest schema, with all of its log in the indexes.

    What a server would do at its start, which may take a while after an older schema; `progress` is told
    how many messages of how many are indexed. Raises StoreError.
    """
    migrate(path)
    try:
        # Whoever opens the log for writing has put all of it in the indexes.
        open_log(path, connect, "full", clock, progress).connection.close()
    except sqlite3.Error as error:
        raise StoreError(f"{path}: {error}") from None


def revisions() -> list[str]:
    """The versions of the schema that this version of tornadochat knows, the newest first."""
    scripts = ScriptDirectory(str(Path(__file__).parent / "migrations"))
    return [script.revision for script in scripts.walk_revisions()]
