"""Runs: how the indexes `place` and `audience` hold many messages in one row."""

import sqlite3
from bisect import bisect_right
from collections.abc import Iterable
from typing import Final

import msgspec

from tornadochat.store.values import Values

# CROSS JOIN keeps SQLite from turning the join round: what was asked for leads, the index follows.
PLACES: Final = """
WITH asked (room, seq) AS (VALUES {rows})
SELECT asked.room, asked.seq, place.seq, place.numbers
FROM asked CROSS JOIN place ON place.room = asked.room AND place.seq = (
    SELECT max(seq) FROM place AS earlier WHERE earlier.room = asked.room AND earlier.seq <= asked.seq
)
"""
LOWS: Final = """
SELECT message.room, message.seq, message.lows
FROM json_each(?) AS asked CROSS JOIN message ON message.number = asked.value
"""

ROOM: Final = "SELECT id, seq FROM room WHERE low = ? AND high = ?"
# From the end downwards, as far as somebody goes on reading.
RUNS_BELOW: Final = "SELECT seq, numbers FROM place WHERE room = ? AND seq < ? ORDER BY seq DESC"
RUNS_FROM: Final = """
SELECT seq, numbers FROM place WHERE room = ?1 AND seq >= (
    SELECT coalesce(max(seq), 0) FROM place WHERE room = ?1 AND seq <= ?2
) ORDER BY seq
"""
LOG_FROM: Final = """
SELECT numbers FROM audience WHERE user = ?1 AND number >= (
    SELECT coalesce(max(number), 0) FROM audience WHERE user = ?1 AND number <= ?2
) ORDER BY number
"""

SEQ_MAX: Final = 2**63 - 1

_FIND: Final = Values(PLACES, 2)
_DECODER: Final = msgspec.json.Decoder(list[int])

Place = tuple[int, int]
"""A room and a seq."""


def run(numbers: str) -> list[int]:
    """The numbers of a run, in the order of the log, which is that of the seqs of a room."""
    return sorted(_DECODER.decode(numbers))


def lows_at(connection: sqlite3.Connection, places: Iterable[Place]) -> dict[Place, int]:
    """`lows` of the messages at these places, as far as they are indexed. Raises sqlite3.Error."""
    asked = list(places)
    if not asked:
        return {}
    numbers: list[int] = []
    for _, seq, first, text in _FIND.execute(connection, asked).fetchall():
        numbers += run(text)[seq - first : seq - first + 1]
    found = connection.execute(LOWS, (msgspec.json.encode(numbers).decode(),)).fetchall()
    return {(room, seq): lows for room, seq, lows in found}


def numbers_below(connection: sqlite3.Connection, room: int, seq: int, limit: int) -> list[int]:
    """The last messages of a room below a seq, ascending. Raises sqlite3.Error."""
    found: list[int] = []
    for first, text in connection.execute(RUNS_BELOW, (room, seq)):
        found = run(text)[: seq - first] + found
        if len(found) >= limit:
            break
    return found[max(0, len(found) - limit) :]


def numbers_above(connection: sqlite3.Connection, room: int, seq: int, limit: int) -> list[int]:
    """The first messages of a room above a seq, ascending. Raises sqlite3.Error."""
    found: list[int] = []
    for first, text in connection.execute(RUNS_FROM, (room, seq)):
        found += run(text)[max(0, seq + 1 - first) :]
        if len(found) >= limit:
            break
    return found[:limit]


def numbers_of(connection: sqlite3.Connection, user: int, number: int, limit: int) -> list[int]:
    """The first messages above a number that a user has sent or received. Raises sqlite3.Error."""
    found: list[int] = []
    for (text,) in connection.execute(LOG_FROM, (user, number)):
        numbers = run(text)
        found += numbers[bisect_right(numbers, number) :]
        if len(found) >= limit:
            break
    return found[:limit]


def seq_at(connection: sqlite3.Connection, room: int, number: int) -> int:
    """The seq of the last message of a room that is not above a number; 0 if all are."""
    for first, text in connection.execute(RUNS_BELOW, (room, SEQ_MAX)):
        numbers = run(text)
        if numbers[0] <= number:
            return int(first) + bisect_right(numbers, number) - 1
    return 0
