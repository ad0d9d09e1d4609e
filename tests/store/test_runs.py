import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tornadochat.store import runs
from tornadochat.store.migrate import migrate

NUMBERS = list(range(100, 160, 3))


@pytest.fixture(params=[1, 7, 20])
def connection(path: Path, request: pytest.FixtureRequest) -> Iterator[sqlite3.Connection]:
    """Room 1 and user 1 have the NUMBERS, in runs of some length and in no order within them."""
    migrate(path)
    with closing(sqlite3.connect(path)) as connection:
        for start in range(0, len(NUMBERS), request.param):
            numbers = NUMBERS[start : start + request.param]
            text = json.dumps(numbers[::-1])
            connection.execute("INSERT INTO place VALUES (1, ?, ?)", (start + 1, text))
            connection.execute("INSERT INTO audience VALUES (1, ?, ?)", (numbers[0], text))
        yield connection


def test_a_room_is_read_from_any_seq_in_both_directions(connection: sqlite3.Connection) -> None:
    for seq in range(len(NUMBERS) + 3):
        for limit in (1, 6, 50):
            assert runs.numbers_above(connection, 1, seq, limit) == NUMBERS[seq : seq + limit]
            below = NUMBERS[: max(0, seq - 1)]
            assert runs.numbers_below(connection, 1, seq, limit) == below[-limit:]
    assert runs.numbers_below(connection, 1, runs.SEQ_MAX, 2) == NUMBERS[-2:]
    assert runs.numbers_above(connection, 2, 0, 9) == runs.numbers_below(connection, 2, 9, 9) == []


def test_the_log_of_a_user_is_read_from_any_number(connection: sqlite3.Connection) -> None:
    for number in range(98, 162):
        left = [found for found in NUMBERS if found > number]
        assert runs.numbers_of(connection, 1, number, 6) == left[:6]
    assert runs.numbers_of(connection, 2, 0, 6) == []


def test_the_seq_of_a_room_at_a_number_is_that_of_its_last_message_by_then(
    connection: sqlite3.Connection,
) -> None:
    for number in range(98, 162):
        assert runs.seq_at(connection, 1, number) == len([found for found in NUMBERS if found <= number])


def test_places_are_found_by_a_statement_that_is_made_once(
    connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seq, number in enumerate(NUMBERS, 1):
        connection.execute(
            "INSERT INTO message VALUES (?, 1, ?, 1, 1, 'x', 0, NULL, 0, ?)", (number, seq, seq * 2)
        )
    monkeypatch.delattr(runs, "Values")
    for seq in (1, 8, len(NUMBERS)):
        assert runs.lows_at(connection, [(1, seq), (2, 1)]) == {(1, seq): seq * 2}
    assert runs.lows_at(connection, [(1, len(NUMBERS) + 1)]) == runs.lows_at(connection, []) == {}
