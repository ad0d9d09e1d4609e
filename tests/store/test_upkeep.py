"""What the commands that keep the store's file know of it."""

import contextlib
import sqlite3
from pathlib import Path

from tornadochat.store.upkeep import migrate, revisions


def test_the_newest_schema_is_the_one_that_a_new_store_has(path: Path) -> None:
    migrate(path)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        (version,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    assert revisions()[0] == version
    assert revisions()[-1] == "0001"
