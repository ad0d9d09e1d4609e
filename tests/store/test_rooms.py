import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tornadochat.store.migrate import migrate
from tornadochat.store.rooms import Rooms


@pytest.fixture
def connection(path: Path) -> Iterator[sqlite3.Connection]:
    migrate(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executemany("INSERT INTO user VALUES (?, 'x', 'x', 0)", [(1,), (2,), (3,)])
        connection.execute("INSERT INTO room VALUES (7, 1, 2, 5, 50, 500, 3)")
        yield connection


def test_a_room_is_as_the_database_says(connection: sqlite3.Connection) -> None:
    room = Rooms(connection).of([(1, 2)])[1, 2]
    assert (room.id, room.seq, room.lows, room.at) == (7, 5, 3, 500)


def test_a_conversation_starts_where_both_exist(connection: sqlite3.Connection) -> None:
    found = Rooms(connection).of([(1, 3), (3, 3), (1, 2), (3, 9), (-1, 3)])
    assert {pair: (room.id > 7, room.seq) for pair, room in found.items() if pair != (1, 2)} == {
        (1, 3): (True, 0), (3, 3): (True, 0)
    }  # fmt: skip
    assert len({room.id for room in found.values()}) == 3


def test_who_has_no_message_yet_may_be_gone_the_next_time(connection: sqlite3.Connection) -> None:
    rooms = Rooms(connection)
    assert (1, 3) in rooms.of([(1, 3)])
    connection.execute("DELETE FROM user WHERE id = 3")
    assert (1, 3) not in rooms.of([(1, 3)])


def test_a_new_conversation_costs_no_copy_of_all_that_is_known(connection: sqlite3.Connection) -> None:
    rooms = Rooms(connection)
    rooms.of([(1, 2)])
    assert set(rooms.of([(1, 3)])) == {(1, 3)}
    assert set(rooms.of([(1, 3), (1, 2)])) == {(1, 3), (1, 2)}
