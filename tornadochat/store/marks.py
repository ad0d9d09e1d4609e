"""Marks as the writer's thread moves them."""

import sqlite3
from collections.abc import Collection, Iterable, Sequence
from typing import Final

import msgspec

from tornadochat.models import Mark, Marked, Marking, MarkKind
from tornadochat.store.progress import Progress, unread
from tornadochat.store.rooms import Room
from tornadochat.store.runs import Place, lows_at

# CROSS JOIN keeps SQLite from turning the join round: what was asked for leads, the index follows.
MARKS: Final = """
SELECT mark.viewer, mark.sender, mark.recipient, mark.kind, mark.seq
FROM json_each(?) AS asked CROSS JOIN mark
ON mark.viewer = asked.value ->> 0 AND mark.sender = asked.value ->> 1 AND mark.recipient = asked.value ->> 2
"""
# Without WHERE the parser would take ON CONFLICT for the condition of a join.
UPSERT: Final = """
INSERT INTO mark (viewer, sender, recipient, kind, seq, number, connection)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6
FROM json_each(?) WHERE true
ON CONFLICT (viewer, sender, recipient, kind)
DO UPDATE SET seq = excluded.seq, number = excluded.number, connection = excluded.connection
"""

_Key = tuple[int, int, int, MarkKind]
_Row = tuple[int, int, int, MarkKind, int, int, int]
Asked = tuple[Marking, int, int]
"""A marking, the key of whose it is, and that of the other side."""


class Marks:
    """The marks that one batch moves. `rows` is what is to be stored of them."""

    def __init__(self, connection: sqlite3.Connection, asked: Sequence[Asked]) -> None:
        """Reads how far everybody had come who is asked for. Raises sqlite3.Error."""
        self._connection = connection
        self._states = {(sender, recipient): Progress() for _, sender, recipient in asked}
        self._places: dict[tuple[int, int], int] = {}
        self._rows: dict[_Key, _Row] = {}
        views = {(viewer, *pair) for pair in self._states for viewer in pair}
        for viewer, sender, recipient, kind, seq in connection.execute(MARKS, (_json(views),)).fetchall():
            state = self._states[sender, recipient]
            state.received = max(state.received, seq)
            if kind == "read" and viewer == sender:
                state.read = seq
            if kind == "read" and viewer == recipient:
                state.shown = seq

    @property
    def rows(self) -> list[_Row]:
        """What is to be stored: of each mark the last place only."""
        return list(self._rows.values())

    def locate(self, places: Collection[Place]) -> bool:
        """Looks up the messages at these places; whether all are indexed. Raises sqlite3.Error."""
        self._places |= lows_at(self._connection, places)
        return self._places.keys() >= set(places)

    def note(self, room: Room) -> None:
        """The last message of the room is of this batch and not stored yet."""
        self._places[room.id, room.seq] = room.lows

    def move(self, asked: Asked, room: Room, number: int) -> Marked:
        """What the marking moves, given the room as it is at this number of the log."""
        marking, sender, recipient = asked
        seq = min(marking.seq, room.seq)
        own, theirs = self._states[sender, recipient].advance(marking, seq)
        views = [(marking.sender, sender, own)]
        if sender != recipient:
            views.append((marking.recipient, recipient, theirs))
        marks: list[Mark] = []
        for viewer, key, kind in views:
            if kind is None:
                continue
            self._rows[key, sender, recipient, kind] = (
                key, sender, recipient, kind, seq, number, marking.connection
            )  # fmt: skip
            counted = kind == "read" and viewer is marking.sender
            count = self._unread(room, seq, sender, recipient) if counted else None
            people = viewer.id, marking.sender.id, marking.recipient.id
            marks.append(Mark(number, *people, kind, seq, marking.connection, count))
        return Marked(tuple(marks))

    def _unread(self, room: Room, seq: int, sender: int, recipient: int) -> int:
        lows = room.lows if seq == room.seq else self._places[room.id, seq]
        return unread(sender, recipient, room.seq - seq, room.lows - lows)


def _json(rows: Iterable[tuple[object, ...]]) -> str:
    return msgspec.json.encode(list(rows)).decode()
