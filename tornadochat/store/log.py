"""The log: duplicates, numbering and the insert, all in the writer's thread."""

import logging
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final

import msgspec

from tornadochat.models import (
    Appended,
    Draft,
    Logged,
    Marked,
    Message,
    Millis,
    Outcome,
    Refused,
    Stored,
)
from tornadochat.store.connection import Connect, Durability, prepare_writing
from tornadochat.store.keys import key_or_nobody
from tornadochat.store.marks import UPSERT, Marks
from tornadochat.store.people import probe
from tornadochat.store.rooms import Pair, Room, Rooms
from tornadochat.store.rows import MARK_FIELDS, MESSAGE_FIELDS, mark_of, message_of
from tornadochat.store.values import Values

_logger = logging.getLogger("tornadochat.store")

UNAVAILABLE: Final = Refused("unavailable")
_CONFLICT: Final = Refused("conflict")
_UNKNOWN_USER: Final = Refused("unknown_user")

Progress = Callable[[int, int], None]
"""Is told of a long work how much of how much is done."""

INDEXED_AT_ONCE: Final = 4096
"""How much of the log is put in the indexes by one commit, and how long a run there may be."""

_KEYS_CACHED: Final = 20_000

# CROSS JOIN keeps SQLite from turning the join round: what was asked for leads, the index follows.
EARLIER: Final = f"""
WITH asked (sender, client_id) AS (VALUES {{rows}})
SELECT {", ".join(f"message.{field}" for field in MESSAGE_FIELDS)}
FROM asked CROSS JOIN client ON client.sender = asked.sender AND client.client_id = asked.client_id
CROSS JOIN message ON message.number = client.number
"""
LAST: Final = """
SELECT max(coalesce((SELECT max(number) FROM message), 0), coalesce((SELECT max(number) FROM mark), 0))
"""
_NEWER: Final = f"SELECT {', '.join(MESSAGE_FIELDS)} FROM message WHERE number > ? ORDER BY number"
_NEWER_MARKS: Final = f"SELECT {', '.join(MARK_FIELDS)} FROM mark WHERE number > ? ORDER BY number"
_INSERT: Final = """
INSERT INTO message (number, room, seq, sender, recipient, content, at, client_id, connection, lows)
SELECT * FROM (VALUES {rows}) WHERE column1 IS NOT NULL
"""

_Row = tuple[int, int, int, int, int, str, Millis, str | None, int, int]
_Keyed = tuple[Appended, int, int]
"""An entry, the key of its sender and that of its recipient."""


class Log:
    """The log as its one writer sees it: the connection, and the counters from which it numbers.

    `last` is the highest number known to be committed, `indexed` the one up to which the indexes hold
    the messages, `users` the number of stored users when the log was opened. Once there is a `failure`,
    the connection is in an unknown state: everything is refused, and only opening another one tells what
    is durable.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        clock: Callable[[], Millis],
        progress: Progress = lambda done, total: None,
    ) -> None:
        """Puts everything in the indexes, and tells how far that is. Raises sqlite3.Error."""
        self.connection = connection
        self.failure: Exception | None = None
        meta = dict(connection.execute("SELECT key, value FROM meta").fetchall())
        self.epoch: str = meta["epoch"]
        self.log_start = int(meta["log_start"])
        self.users: int = connection.execute("SELECT count(*) FROM user").fetchone()[0]
        self.last: int = connection.execute(LAST).fetchone()[0]
        self.indexed: int = connection.execute("SELECT number FROM indexing").fetchone()[0]
        # What is not in the index `client` yet.
        self._recent: dict[tuple[int, str], Message] = {}
        self._clock = clock
        self._key = lru_cache(_KEYS_CACHED)(key_or_nobody)
        self._find, self._insert = Values(EARLIER, 2), Values(_INSERT, 10)
        self._index(progress)
        self._rooms = Rooms(connection)

    def newer(self, number: int) -> list[Logged]:
        """Everything above `number`, in log order. Raises sqlite3.Error."""
        newer: list[Logged] = [message_of(row) for row in self.connection.execute(_NEWER, (number,))]
        newer += [mark_of(row) for row in self.connection.execute(_NEWER_MARKS, (number,))]
        return sorted(newer, key=lambda logged: logged.number)

    def append(self, entries: Sequence[Appended]) -> list[Outcome]:
        """Make the entries durable in one commit and tell what became of each, in their order.

        Never raises. An error is the log's `failure`; entries that may or may not be durable are then
        refused as `unavailable`.
        """
        try:
            return self._commit(entries)
        except Exception as error:
            self.failure = error
            return [UNAVAILABLE] * len(entries)

    def index(self) -> None:
        """Put in the indexes whatever is not there yet. Never raises; an error is the log's `failure`."""
        try:
            self._index()
            self._rooms.trim()
        except Exception as error:
            self.failure = error

    def _index(self, progress: Progress = lambda done, total: None) -> None:
        begun = self.indexed
        waiting = self.last - begun
        if waiting > 10 * INDEXED_AT_ONCE:
            _logger.info("writing the indexes of %d messages, as a new version has to", waiting)
        while self.indexed < self.last:
            end = min(self.indexed + INDEXED_AT_ONCE, self.last)
            self.connection.execute("UPDATE indexing SET number = ?", (end,))
            self.indexed = end
            progress(end - begun, waiting)
        self._recent.clear()

    def _commit(self, entries: Sequence[Appended]) -> list[Outcome]:
        # What moves nothing fills the memory too, and nothing but this makes the writer index then.
        if self._rooms.full():
            self._index()
            self._rooms.trim()
        key, recent, now, number = self._key, self._recent, self._clock(), self.last
        keyed = [(entry, key(entry.sender.id), key(entry.recipient.id)) for entry in entries]
        pairs = [(one, other) if one <= other else (other, one) for _, one, other in keyed]
        rooms = self._rooms.of(pairs)
        # In this order: what the marks have indexed is not among the recent any more.
        marks = self._marks(keyed, rooms)
        earlier = self._earlier(keyed)
        outcomes: list[Outcome] = []
        rows: list[_Row] = []
        for (entry, sender, recipient), pair in zip(keyed, pairs, strict=True):
            room = rooms.get(pair)
            # isinstance() is quick where it hits at once, as with most entries, and slow where it does not.
            if not isinstance(entry, Draft):
                assert marks is not None
                moved = (
                    Marked(()) if room is None else marks.move((entry, sender, recipient), room, number + 1)
                )
                number += bool(moved.marks)
                outcomes.append(moved)
                continue
            client_id = entry.client_id
            if client_id is not None:
                named = sender, client_id
                first = recent.get(named) or earlier.get(named)
                if first is not None:
                    outcomes.append(_again(entry, first))
                    continue
            if room is None:
                outcomes.append(_UNKNOWN_USER)
                continue
            number += 1
            if not room.seq:
                self._rooms.keep(pair, room)
            message, row = _number(entry, sender, recipient, room, now, number)
            rows.append(row)
            outcomes.append(Stored(message, False))
            if client_id is not None:
                recent[named] = message
            if marks is not None:
                marks.note(room)
        if number == self.last or self._write(rows, marks, number):
            return outcomes
        stands = map(self._stands, keyed, outcomes)
        return [
            outcome if standing else UNAVAILABLE for outcome, standing in zip(outcomes, stands, strict=True)
        ]

    def _stands(self, keyed: _Keyed, outcome: Outcome) -> bool:
        """Whether the outcome is true even if nothing of its batch is durable."""
        if isinstance(outcome, Stored):
            return outcome.message.number <= self.last
        if isinstance(outcome, Marked):
            # Even what moved nothing: an earlier mark of this batch may have come as far. Marking again
            # does no harm.
            return False
        entry, sender, _ = keyed
        named = isinstance(entry, Draft) and entry.client_id
        first = self._recent.get((sender, named)) if named else None
        return first is None or first.number <= self.last

    def _write(self, rows: list[_Row], marks: Marks | None, last: int) -> bool:
        """Whether everything up to the number `last` is durable; if not, nobody can tell."""
        moved = marks.rows if marks is not None else []
        try:
            # One statement is a transaction of its own; two are made one.
            if rows and moved:
                self.connection.execute("BEGIN IMMEDIATE")
            if rows:
                self._insert.execute(self.connection, rows)
            if moved:
                self.connection.execute(UPSERT, (_json(moved),))
            if rows and moved:
                self.connection.execute("COMMIT")
        except Exception as error:
            self.failure = error
            return False
        self.last = last
        return True

    def _earlier(self, keyed: Sequence[_Keyed]) -> dict[tuple[int, str], Message]:
        """The indexed messages that were stored with the clientIDs of these drafts."""
        asked = [
            (sender, entry.client_id)
            for entry, sender, _ in keyed
            if isinstance(entry, Draft) and entry.client_id is not None
        ]
        if not asked:
            return {}
        found = self._find.execute(self.connection, asked).fetchall()
        return {(row[1], row[6]): message_of(row) for row in found}

    def _marks(self, keyed: Sequence[_Keyed], rooms: dict[Pair, Room]) -> Marks | None:
        """How far those had come who mark something; None, and nothing read, if nobody does."""
        asked = [
            (entry, sender, recipient) for entry, sender, recipient in keyed if not isinstance(entry, Draft)
        ]
        if not asked:
            return None
        marks = Marks(self.connection, asked)
        reading: list[tuple[int, Room]] = []
        for entry, one, other in asked:
            room = rooms.get((min(one, other), max(one, other)))
            if room is not None and entry.kind == "read":
                reading.append((entry.seq, room))
        places = {(room.id, seq) for seq, room in reading if 0 < seq < room.seq}
        if not marks.locate(places):
            self._index()
            marks.locate(places)
        # A seq at the end now may be below it when its turn comes.
        for _, room in reading:
            marks.note(room)
        return marks


def open_log(
    path: Path,
    connect: Connect,
    durability: Durability,
    clock: Callable[[], Millis],
    progress: Progress = lambda done, total: None,
) -> Log:
    """Open the log for writing; what is not in the indexes yet goes there. Raises sqlite3.Error."""
    connection = connect(path)
    try:
        prepare_writing(connection, durability)
        # What cannot be written to is found out now, not by the first who sends.
        probe(connection)
        return Log(connection, clock, progress)
    except BaseException:
        connection.close()
        raise


def _number(
    draft: Draft, sender: int, recipient: int, room: Room, now: Millis, number: int
) -> tuple[Message, _Row]:
    room.seq = seq = room.seq + 1
    room.lows += sender <= recipient
    room.at = at = max(now, room.at)  # the clock may go back, a conversation may not
    content, client_id, connection = draft.content, draft.client_id, draft.connection
    message = Message(number, draft.sender.id, draft.recipient.id, seq, content, at, client_id, connection)
    return message, (
        number, room.id, seq, sender, recipient, content, at, client_id, connection, room.lows
    )  # fmt: skip


def _again(draft: Draft, first: Message) -> Outcome:
    same = first.recipient == draft.recipient.id and first.content == draft.content
    return Stored(first, duplicate=True) if same else _CONFLICT


def _json(rows: Iterable[tuple[object, ...]]) -> str:
    return msgspec.json.encode(rows).decode()
