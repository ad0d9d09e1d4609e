import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tornadochat.store.connection import connect


def test_a_database_that_went_away_is_not_made_anew(path: Path) -> None:
    with pytest.raises(sqlite3.OperationalError):
        connect(path)
    assert not path.exists()


def test_statements_of_all_sizes_stay_prepared(path: Path) -> None:
    path.touch()
    prepared: list[int] = []

    def note(action: int, *_: str | None) -> int:
        prepared.append(action)
        return sqlite3.SQLITE_OK

    with closing(connect(path)) as connection:
        connection.set_authorizer(note)
        for _ in range(2):
            prepared.clear()
            for number in range(200):
                connection.execute(f"SELECT {number}").fetchone()
    assert prepared == []
