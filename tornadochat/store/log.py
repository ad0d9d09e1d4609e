"""The log: duplicates, numbering and the insert, all in the writer's thread."""

import logging
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from tornadochat.models import (
    Appended,
    Draft,
    Logged,
    Marking,
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
from tornadochat.store.rows import MARK_FIELDS, MESSAGE_FIELDS, mark_of, message_of

_logger = logging.getLogger("tornadochat.store")

UNAVAILABLE: Final = Refused("unavailable")
_CONFLICT: Final = Refused("conflict")
_UNKNOWN_USER: Final = Refused("unknown_user")

# A cached room is about 300 bytes; a batch, which needs all its rooms at once, has at most 500.
_ROOMS_CACHED: Final = 20_000

# CROSS JOIN keeps SQLite from turning the join round: what was asked for leads, the index follows.
EARLIER: Final = f"""
SELECT {", ".join(f"message.{field}" for field in MESSAGE_FIELDS)}
FROM json_each(?) AS asked CROSS JOIN message
ON message.sender = asked.value ->> 0 AND message.client_id = asked.value ->> 1
"""
ROOMS: Final = """
SELECT room.low, room.high, room.id, room.seq, message.lows, room.at
FROM json_each(?) AS asked CROSS JOIN room
ON room.low = asked.value ->> 0 AND room.high = asked.value ->> 1
CROSS JOIN message ON message.room = room.id AND message.seq = room.seq
"""
LAST: Final = """
SELECT max(coalesce((SELECT max(number) FROM message), 0), coalesce((SELECT max(number) FROM mark), 0))
"""
_NEWER: Final = f"SELECT {', '.join(MESSAGE_FIELDS)} FROM message WHERE number > ? ORDER BY number"
_NEWER_MARKS: Final = f"SELECT {', '.join(MARK_FIELDS)} FROM mark WHERE number > ? ORDER BY number"
_INSERT: Final = """
INSERT INTO message (number, room, seq, sender, recipient, content, at, client_id, connection, lows)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6,
       value ->> 7, value ->> 8, value ->> 9
FROM json_each(?)
"""

_Pair = tuple[int, int]
_Row = tuple[int, int, int, int, int, str, Millis, str | None, int, int]


class _Room(msgspec.Struct):
    id: int
    seq: int
    lows: int
    at: Millis


class Log:
    """The log as its one writer sees it: the connection, and the counters from which it numbers.

    `last` is the highest number known to be committed, `users` the number of stored users when the
    log was opened. Once `broken`, the connection is in an unknown state: everything is refused, and
    only opening another one tells what is durable.
    """

    def __init__(self, connection: sqlite3.Connection, clock: Callable[[], Millis]) -> None:
        self.connection = connection
        self.broken = False
        meta = dict(connection.execute("SELECT key, value FROM meta").fetchall())
        self.epoch: str = meta["epoch"]
        self.log_start = int(meta["log_start"])
        self.users: int = connection.execute("SELECT count(*) FROM user").fetchone()[0]
        self.last = 0
        self._last_room = 0
        self._rooms: dict[_Pair, _Room] = {}
        self._clock = clock
        self._reload()

    def newer(self, number: int) -> list[Logged]:
        """Everything above `number`, in log order. Raises sqlite3.Error."""
        newer: list[Logged] = [message_of(row) for row in self.connection.execute(_NEWER, (number,))]
        newer += [mark_of(row) for row in self.connection.execute(_NEWER_MARKS, (number,))]
        return sorted(newer, key=lambda logged: logged.number)

    def append(self, entries: Sequence[Appended]) -> list[Outcome]:
        """Make the entries durable in one commit and tell what became of each, in their order.

        Never raises. An error which is not the fault of an entry makes the log `broken`; entries that
        may or may not be durable are then refused as `unavailable`.
        """
        try:
            try:
                return self._commit(entries)
            except sqlite3.IntegrityError:
                self._reload()
        except Exception as error:
            self._broke(error)
        return [self._append_one(entry) for entry in entries]

    def _append_one(self, entry: Appended) -> Outcome:
        if self.broken:
            return UNAVAILABLE
        try:
            try:
                return self._commit([entry])[0]
            except sqlite3.IntegrityError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
                    raise
                self._reload()
                return _UNKNOWN_USER
        except Exception as error:
            self._broke(error)
            return UNAVAILABLE

    def _commit(self, entries: Sequence[Appended]) -> list[Outcome]:
        senders = [key_or_nobody(entry.sender.id) for entry in entries]
        recipients = [key_or_nobody(entry.recipient.id) for entry in entries]
        pairs = list(map(_pair, senders, recipients))
        known = self._earlier(senders, entries)
        self._load_rooms(pairs)
        marks = self._marks(entries, senders, recipients)
        now, number = self._clock(), self.last
        outcomes: list[Outcome] = []
        rests_on: list[int] = []  # the message that each outcome is about, or in conflict with
        rows: list[_Row] = []
        for entry, sender, recipient, pair in zip(entries, senders, recipients, pairs, strict=True):
            if isinstance(entry, Marking):
                assert marks is not None
                marked = marks.move((entry, sender, recipient), self._rooms[pair], number + 1)
                number += bool(marked.marks)
                outcomes.append(marked)
                rests_on.append(number if marked.marks else 0)
                continue
            client_id = entry.client_id
            message = known.get((sender, client_id)) if client_id is not None else None
            if message is not None:
                outcomes.append(_again(entry, message))
                rests_on.append(message.number)
                continue
            number += 1
            message, row = self._number(entry, sender, recipient, now, number)
            rows.append(row)
            outcomes.append(Stored(message, duplicate=False))
            rests_on.append(number)
            if client_id is not None:
                known[sender, client_id] = message
            if marks is not None:
                marks.note(self._rooms[pair])
        if number == self.last or self._write(rows, marks, number):
            return outcomes
        return [
            outcome if rest <= self.last else UNAVAILABLE
            for outcome, rest in zip(outcomes, rests_on, strict=True)
        ]

    def _write(self, rows: list[_Row], marks: Marks | None, last: int) -> bool:
        """Whether everything up to the number `last` is durable; if not, nobody can tell."""
        moved = marks.rows if marks is not None else []
        try:
            # One statement is a transaction of its own; two are made one.
            if rows and moved:
                self.connection.execute("BEGIN IMMEDIATE")
            if rows:
                self.connection.execute(_INSERT, (_json(rows),))
            if moved:
                self.connection.execute(UPSERT, (_json(moved),))
            if rows and moved:
                self.connection.execute("COMMIT")
        except sqlite3.IntegrityError:
            raise
        except Exception as error:
            self._broke(error)
            return False
        self.last = last
        return True

    def _number(
        self, draft: Draft, sender: int, recipient: int, now: Millis, number: int
    ) -> tuple[Message, _Row]:
        room = self._rooms[_pair(sender, recipient)]
        room.seq += 1
        room.lows += sender <= recipient
        room.at = at = max(now, room.at)  # the clock may go back, a conversation may not
        message = Message(
            number,
            draft.sender.id,
            draft.recipient.id,
            room.seq,
            draft.content,
            at,
            draft.client_id,
            draft.connection,
        )
        return message, (
            number, room.id, room.seq, sender, recipient, draft.content, at, draft.client_id,
            draft.connection, room.lows
        )  # fmt: skip

    def _earlier(self, senders: list[int], entries: Sequence[Appended]) -> dict[tuple[int, str], Message]:
        """The messages that were stored before with the clientIDs of these drafts."""
        asked = [
            (sender, entry.client_id)
            for sender, entry in zip(senders, entries, strict=True)
            if isinstance(entry, Draft) and entry.client_id is not None
        ]
        if not asked:
            return {}
        found = self.connection.execute(EARLIER, (_json(asked),)).fetchall()
        return {(row[1], row[6]): message_of(row) for row in found}

    def _marks(self, entries: Sequence[Appended], senders: list[int], recipients: list[int]) -> Marks | None:
        """How far those had come who mark something; None, and nothing read, if nobody does."""
        asked = [
            (entry, sender, recipient)
            for entry, sender, recipient in zip(entries, senders, recipients, strict=True)
            if isinstance(entry, Marking)
        ]
        if not asked:
            return None
        marks = Marks(self.connection, asked)
        reading = [(entry.seq, self._rooms[_pair(*pair)]) for entry, *pair in asked if entry.kind == "read"]
        marks.locate((room.id, seq) for seq, room in reading if 0 < seq < room.seq)
        # A seq at the end now may be below it when its turn comes.
        for _, room in reading:
            marks.note(room)
        return marks

    def _load_rooms(self, pairs: list[_Pair]) -> None:
        """Have the counters of these rooms in memory; a conversation without messages starts here."""
        rooms = self._rooms
        missing = [pair for pair in set(pairs) if pair not in rooms]
        if missing:
            for low, high, *counters in self.connection.execute(ROOMS, (_json(missing),)).fetchall():
                rooms[low, high] = _Room(*counters)
            for pair in missing:
                if pair not in rooms:
                    self._last_room += 1
                    rooms[pair] = _Room(self._last_room, 0, 0, 0)
        if len(rooms) > _ROOMS_CACHED:
            needed = set(pairs)
            self._rooms = {pair: room for pair, room in rooms.items() if pair in needed}

    def _reload(self) -> None:
        """Forget what was numbered in vain. Raises sqlite3.Error."""
        self._rooms.clear()
        if self.connection.in_transaction:
            self.connection.execute("ROLLBACK")
        self.last = self.connection.execute(LAST).fetchone()[0]
        self._last_room = self.connection.execute("SELECT coalesce(max(id), 0) FROM room").fetchone()[0]

    def _broke(self, error: Exception) -> None:
        self.broken = True
        # The text of an SQLite error holds no values. What is no SQLite error is a fault of this
        # program, and its traceback is wanted.
        _logger.error("writing failed: %s", error, exc_info=not isinstance(error, sqlite3.Error))


def open_log(path: Path, connect: Connect, durability: Durability, clock: Callable[[], Millis]) -> Log:
    """Open the log for writing. Raises sqlite3.Error."""
    connection = connect(path)
    try:
        prepare_writing(connection, durability)
        # What cannot be written to is found out now, not by the first who sends.
        probe(connection)
        return Log(connection, clock)
    except BaseException:
        connection.close()
        raise


def _pair(one: int, other: int) -> _Pair:
    return (one, other) if one <= other else (other, one)


def _again(draft: Draft, first: Message) -> Outcome:
    same = first.recipient == draft.recipient.id and first.content == draft.content
    return Stored(first, duplicate=True) if same else _CONFLICT


def _json(rows: Iterable[tuple[object, ...]]) -> str:
    return msgspec.json.encode(rows).decode()
