"""The counters of conversations, as the one writer has them in its memory."""

import sqlite3
from collections.abc import Iterable
from typing import Final

import msgspec

from tornadochat.models import Millis
from tornadochat.store.values import Values

# A cached room is about 300 bytes.
_CACHED: Final = 20_000

# CROSS JOIN keeps SQLite from turning the join round: what was asked for leads, the index follows.
ROOMS: Final = """
WITH asked (low, high) AS (VALUES {rows})
SELECT room.low, room.high, room.id, room.seq, room.lows, room.at
FROM asked CROSS JOIN room ON room.low = asked.low AND room.high = asked.high
"""
USERS: Final = """
WITH asked (id) AS (VALUES {rows}) SELECT user.id FROM asked CROSS JOIN user ON user.id = asked.id
"""

Pair = tuple[int, int]
"""The keys of two users, the lesser one first."""


class Room(msgspec.Struct):
    """How far a conversation has come: see the tables `room` and `message`."""

    id: int
    seq: int
    lows: int
    at: Millis


class Rooms:
    """What is here is right, since nobody else writes; what is not is as the database says.

    That holds as long as everything which was numbered is stored, and nothing is forgotten before it
    is in the table `room`.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Raises sqlite3.Error."""
        self._connection = connection
        self._rooms: dict[Pair, Room] = {}
        self._last: int = connection.execute("SELECT coalesce(max(id), 0) FROM room").fetchone()[0]
        self._find, self._exist = Values(ROOMS, 2), Values(USERS, 1)

    def of(self, pairs: Iterable[Pair]) -> dict[Pair, Room]:
        """The rooms of these pairs, and maybe others; those are left out which would be of nobody.

        A conversation without a message starts here. Raises sqlite3.Error.
        """
        rooms = self._rooms
        asked = set(pairs)
        missing = [pair for pair in asked if pair not in rooms]
        if not missing:
            return rooms
        for low, high, *counters in self._find.execute(self._connection, missing).fetchall():
            rooms[low, high] = Room(*counters)
        new = [pair for pair in missing if pair not in rooms]
        if not new:
            return rooms
        # Only what was asked for: all that is known would be long to copy.
        known = {pair: rooms[pair] for pair in asked if pair in rooms}
        return known | self._started(new)

    def keep(self, pair: Pair, room: Room) -> None:
        """It has a message now: its users are there for good. Without one they may be swept."""
        self._rooms[pair] = room

    def full(self) -> bool:
        """Whether this is too much to keep."""
        return len(self._rooms) > _CACHED

    def trim(self) -> None:
        """Everything is in the table `room`: forget if it is too much."""
        if self.full():
            self._rooms.clear()

    def _started(self, pairs: list[Pair]) -> dict[Pair, Room]:
        people = {(key,) for pair in pairs for key in pair}
        found = {key for (key,) in self._exist.execute(self._connection, list(people)).fetchall()}
        started: dict[Pair, Room] = {}
        for pair in pairs:
            if found.issuperset(pair):
                self._last += 1
                started[pair] = Room(self._last, 0, 0, 0)
        return started
