"""The log: duplicates, numbering and the insert, all in the writer's thread."""

import logging
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from tornadochat.models import Draft, Message, Millis, Outcome, Refused, Stored
from tornadochat.store.connection import Connect, Durability, prepare_writing
from tornadochat.store.keys import key_of
from tornadochat.store.people import probe
from tornadochat.store.rows import MESSAGE_FIELDS, message_of

_logger = logging.getLogger("tornadochat.store")

UNAVAILABLE: Final = Refused("unavailable")
_CONFLICT: Final = Refused("conflict")
_UNKNOWN_USER: Final = Refused("unknown_user")

# A cached room is about 300 bytes; a batch, which needs all its rooms at once, has at most 500.
_ROOMS_CACHED: Final = 20_000

# The key of no user: foreign keys refuse it, as they refuse a user who is gone.
_NOBODY: Final = -1

# CROSS JOIN keeps SQLite from turning the join round: what was asked for leads, the index follows.
EARLIER: Final = f"""
SELECT {", ".join(f"message.{field}" for field in MESSAGE_FIELDS)}
FROM json_each(?) AS asked CROSS JOIN message
ON message.sender = asked.value ->> 0 AND message.client_id = asked.value ->> 1
"""
ROOMS: Final = """
SELECT room.low, room.high, room.id, room.seq, room.at
FROM json_each(?) AS asked CROSS JOIN room
ON room.low = asked.value ->> 0 AND room.high = asked.value ->> 1
"""
_NEWER: Final = f"SELECT {', '.join(MESSAGE_FIELDS)} FROM message WHERE number > ? ORDER BY number"
_INSERT: Final = """
INSERT INTO message (number, room, seq, sender, recipient, content, at, client_id, connection)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6,
       value ->> 7, value ->> 8
FROM json_each(?)
"""

_Pair = tuple[int, int]
_Row = tuple[int, int, int, int, int, str, Millis, str | None, int]


class _Room(msgspec.Struct):
    id: int
    seq: int
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

    def newer(self, number: int) -> list[Message]:
        """All messages above `number`, in log order. Raises sqlite3.Error."""
        return [message_of(row) for row in self.connection.execute(_NEWER, (number,))]

    def append(self, drafts: Sequence[Draft]) -> list[Outcome]:
        """Make the drafts durable in one commit and tell what became of each, in their order.

        Never raises. An error which is not the fault of a draft makes the log `broken`; drafts that
        may or may not be durable are then refused as `unavailable`.
        """
        try:
            try:
                return self._commit(drafts)
            except sqlite3.IntegrityError:
                self._reload()
        except Exception as error:
            self._broke(error)
        return [self._append_one(draft) for draft in drafts]

    def _append_one(self, draft: Draft) -> Outcome:
        if self.broken:
            return UNAVAILABLE
        try:
            try:
                return self._commit([draft])[0]
            except sqlite3.IntegrityError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
                    raise
                self._reload()
                return _UNKNOWN_USER
        except Exception as error:
            self._broke(error)
            return UNAVAILABLE

    def _commit(self, drafts: Sequence[Draft]) -> list[Outcome]:
        senders = [_key(draft.sender.id) for draft in drafts]
        pairs = [
            _pair(sender, _key(draft.recipient.id)) for sender, draft in zip(senders, drafts, strict=True)
        ]
        known = self._earlier(senders, drafts)
        self._load_rooms(pairs)
        now = self._clock()
        outcomes: list[Outcome] = []
        rests_on: list[int] = []  # the message that each outcome is about, or in conflict with
        rows: list[_Row] = []
        for draft, sender, pair in zip(drafts, senders, pairs, strict=True):
            client_id = draft.client_id
            message = known.get((sender, client_id)) if client_id is not None else None
            if message is not None:
                outcomes.append(_again(draft, message))
            else:
                message, row = self._number(draft, sender, pair, now, self.last + len(rows) + 1)
                rows.append(row)
                outcomes.append(Stored(message, duplicate=False))
                if client_id is not None:
                    known[sender, client_id] = message
            rests_on.append(message.number)
        if self._insert(rows):
            return outcomes
        return [
            outcome if number <= self.last else UNAVAILABLE
            for outcome, number in zip(outcomes, rests_on, strict=True)
        ]

    def _insert(self, rows: list[_Row]) -> bool:
        """Whether the rows are durable; if not, nobody can tell."""
        try:
            if rows:
                self.connection.execute(_INSERT, (_json(rows),))
        except sqlite3.IntegrityError:
            raise
        except Exception as error:
            self._broke(error)
            return False
        self.last += len(rows)
        return True

    def _number(
        self, draft: Draft, sender: int, pair: _Pair, now: Millis, number: int
    ) -> tuple[Message, _Row]:
        room = self._rooms[pair]
        room.seq += 1
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
        recipient = pair[0] if sender == pair[1] else pair[1]
        return message, (
            number, room.id, room.seq, sender, recipient, draft.content, at, draft.client_id, draft.connection
        )  # fmt: skip

    def _earlier(self, senders: list[int], drafts: Sequence[Draft]) -> dict[tuple[int, str], Message]:
        """The messages that were stored before with the clientIDs of these drafts."""
        asked = [
            (sender, draft.client_id)
            for sender, draft in zip(senders, drafts, strict=True)
            if draft.client_id is not None
        ]
        if not asked:
            return {}
        found = self.connection.execute(EARLIER, (_json(asked),)).fetchall()
        return {(row[1], row[6]): message_of(row) for row in found}

    def _load_rooms(self, pairs: list[_Pair]) -> None:
        """Have the counters of these rooms in memory; a conversation without messages starts here."""
        rooms = self._rooms
        missing = [pair for pair in set(pairs) if pair not in rooms]
        if missing:
            for low, high, key, seq, at in self.connection.execute(ROOMS, (_json(missing),)).fetchall():
                rooms[low, high] = _Room(key, seq, at)
            for pair in missing:
                if pair not in rooms:
                    self._last_room += 1
                    rooms[pair] = _Room(self._last_room, 0, 0)
        if len(rooms) > _ROOMS_CACHED:
            needed = set(pairs)
            self._rooms = {pair: room for pair, room in rooms.items() if pair in needed}

    def _reload(self) -> None:
        """Forget what was numbered in vain. Raises sqlite3.Error."""
        self._rooms.clear()
        self.last = self.connection.execute("SELECT coalesce(max(number), 0) FROM message").fetchone()[0]
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


def _key(public: str) -> int:
    key = key_of(public)
    return _NOBODY if key is None else key


def _pair(one: int, other: int) -> _Pair:
    return (one, other) if one <= other else (other, one)


def _again(draft: Draft, first: Message) -> Outcome:
    same = first.recipient == draft.recipient.id and first.content == draft.content
    return Stored(first, duplicate=True) if same else _CONFLICT


def _json(rows: Iterable[tuple[object, ...]]) -> str:
    return msgspec.json.encode(rows).decode()
