import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.conftest import ExpectLog
from tornadochat.errors import ChatError, Code
from tornadochat.store.connection import connect
from tornadochat.store.migrate import migrate
from tornadochat.store.reads import Reader


@pytest.fixture
def reader(path: Path) -> Iterator[Reader]:
    migrate(path)
    reader = Reader(path, connect)
    yield reader
    reader.close()


def count(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT count(*) FROM user").fetchone()[0])


def sign_up(path: Path, key: int) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO user VALUES (?, 'x', 'x', 0)", (key,))


@pytest.mark.gen_test
async def test_all_statements_of_a_read_see_the_same_moment(reader: Reader, path: Path) -> None:
    def look_twice(connection: sqlite3.Connection) -> tuple[int, int]:
        before = count(connection)
        sign_up(path, 1)
        return before, count(connection)

    assert await reader.run(look_twice) == (0, 0)
    assert await reader.run(count) == 1


@pytest.mark.gen_test
async def test_a_failure_is_unavailable_and_logged_without_parameters(
    reader: Reader, expect_log: ExpectLog
) -> None:
    expect_log("^ERROR tornadochat.store: reading failed: no such table: absent$")

    def fail(connection: sqlite3.Connection) -> None:
        connection.execute("SELECT * FROM absent WHERE x = ?", ("canary",))

    with pytest.raises(ChatError) as refused:
        await reader.run(fail)
    assert refused.value.code is Code.unavailable
    assert await reader.run(count) == 0


@pytest.mark.gen_test
async def test_a_read_cannot_write(reader: Reader, expect_log: ExpectLog) -> None:
    expect_log("reading failed: attempt to write a readonly database")
    with pytest.raises(ChatError):
        await reader.run(lambda connection: connection.execute("DELETE FROM user"))
