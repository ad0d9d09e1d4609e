"""What the commands that keep the store's file know of it."""

import contextlib
import sqlite3
from pathlib import Path

import pytest

from tornadochat.store.log import INDEXED_AT_ONCE
from tornadochat.store.upkeep import StoreError, make_ready, migrate, revisions


def test_the_newest_schema_is_the_one_that_a_new_store_has(path: Path) -> None:
    migrate(path)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        (version,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    assert revisions()[0] == version
    assert revisions()[-1] == "0001"


def test_what_is_ready_has_its_whole_log_in_the_indexes(path: Path) -> None:
    migrate(path)
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO user VALUES (1, 'ann', 'ann', 1)")
        connection.execute("INSERT INTO message VALUES (1, 5, 1, 1, 1, 'x', 1, 'c', 0, 1)")
    make_ready(path)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        for table in ("room", "place", "audience", "client"):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (1,)
        assert connection.execute("SELECT number FROM indexing").fetchone() == (1,)


def test_how_far_the_indexing_is_can_be_told(path: Path) -> None:
    migrate(path)
    many = 2 * INDEXED_AT_ONCE + 1
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO user VALUES (1, 'ann', 'ann', 1)")
        rows = ((number, number) for number in range(1, many + 1))
        connection.executemany("INSERT INTO message VALUES (?, 5, ?, 1, 1, 'x', 1, NULL, 0, 1)", rows)
    told: list[tuple[int, int]] = []
    make_ready(path, lambda done, total: told.append((done, total)))
    assert told == [(INDEXED_AT_ONCE, many), (2 * INDEXED_AT_ONCE, many), (many, many)]


def test_what_cannot_be_made_ready_is_told_with_its_place(path: Path) -> None:
    migrate(path)
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO message VALUES (1, 5, 1, 8, 9, 'of nobody', 1, NULL, 0, 1)")
    with pytest.raises(StoreError) as refused:
        make_ready(path)
    assert str(refused.value) == f"{path}: FOREIGN KEY constraint failed"
