import sqlite3
from collections.abc import Iterator

import pytest

from tornadochat.store.values import Values


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)")
    yield connection
    connection.close()


@pytest.mark.parametrize("count", [1, 2, 3, 8, 9, 100, 499, 500])
def test_every_row_arrives_and_no_other(connection: sqlite3.Connection, count: int) -> None:
    insert = Values("INSERT INTO t SELECT * FROM (VALUES {rows}) WHERE column1 IS NOT NULL", 2)
    rows = [(number, str(number) if number % 3 else None) for number in range(count)]
    insert.execute(connection, rows)
    assert connection.execute("SELECT a, b FROM t ORDER BY a").fetchall() == rows


def test_there_are_few_sizes_and_none_is_much_too_large(connection: sqlite3.Connection) -> None:
    seen: dict[str, int] = {}
    insert = Values("SELECT count(*) FROM (VALUES {rows})", 1)
    for count in range(1, 501):
        (size,) = insert.execute(connection, [(1,)] * count).fetchone()
        assert count <= size <= max(count + 1, count * 1.25)
        seen[insert.of(size)] = size
    assert len(seen) < 40


def test_a_statement_is_made_before_it_is_used_and_however_large_it_is(
    connection: sqlite3.Connection,
) -> None:
    insert = Values("SELECT count(column1) FROM (VALUES {rows})", 1)
    made = dict(vars(insert)["_texts"])
    for count in (1, 500, 2_000):
        assert insert.execute(connection, [(1,)] * count).fetchone() == (count,)
    assert vars(insert)["_texts"] == made
    assert insert.of(512) is insert.of(512)
