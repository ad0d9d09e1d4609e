"""Queries about the log: one conversation, and one user's part of everything."""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from tornadochat.models import Logged, Message
from tornadochat.store.keys import key_or_nobody
from tornadochat.store.progress import unread
from tornadochat.store.rows import MARK_FIELDS, MESSAGE_FIELDS, mark_of, message_of
from tornadochat.store.runs import (
    ROOM,
    SEQ_MAX,
    lows_at,
    numbers_above,
    numbers_below,
    numbers_of,
    seq_at,
)

_MESSAGE: Final = ", ".join(f"message.{field}" for field in MESSAGE_FIELDS)
# CROSS JOIN keeps SQLite from turning the join round: what was asked for leads, the key follows.
MESSAGES: Final = f"""
SELECT {_MESSAGE} FROM json_each(?) AS asked CROSS JOIN message ON message.number = asked.value
"""
# What is above the indexes comes with the next page: a mark must not overtake a message before it.
MARKS_AFTER: Final = f"""
SELECT {", ".join(MARK_FIELDS)} FROM mark
WHERE viewer = ? AND number > ? AND number <= (SELECT number FROM indexing) ORDER BY number LIMIT ?
"""


def history(
    connection: sqlite3.Connection,
    user_id: str,
    other_id: str,
    *,
    before: int | None,
    after: int | None,
    limit: int,
) -> tuple[list[Message], bool]:
    """A page of a conversation, ascending, and whether there is more in that direction."""
    one, other = key_or_nobody(user_id), key_or_nobody(other_id)
    room = connection.execute(ROOM, (min(one, other), max(one, other))).fetchone()
    if room is None:
        return [], False
    if after is not None:
        numbers = numbers_above(connection, room[0], _in_range(after), limit + 1)
        more = len(numbers) > limit
        numbers = numbers[:limit]
    else:
        below = SEQ_MAX if before is None else _in_range(before)
        numbers = numbers_below(connection, room[0], below, limit + 1)
        more = len(numbers) > limit
        numbers = numbers[-limit:]
    return messages_of(connection, numbers), more


def log_after(
    connection: sqlite3.Connection, user_id: str, number: int, limit: int, snapshot: int
) -> list[Logged]:
    """What the log has for the user above `number`, in its order, no more than `limit`."""
    user, number = key_or_nobody(user_id), _in_range(number)
    messages = messages_of(connection, numbers_of(connection, user, number, limit))
    marks = connection.execute(MARKS_AFTER, (user, number, limit)).fetchall()
    if not marks:
        return list(messages)
    counted = _unread(connection, marks, snapshot)
    found: list[Logged] = [*messages]
    found += [mark_of(row, counted.get(row[0])) for row in marks]
    return sorted(found, key=lambda logged: logged.number)[:limit]


def messages_of(connection: sqlite3.Connection, numbers: Iterable[int]) -> list[Message]:
    """The messages of these numbers, in their order."""
    asked = msgspec.json.encode(list(numbers)).decode()
    return [message_of(row) for row in connection.execute(MESSAGES, (asked,))]


def _unread(connection: sqlite3.Connection, marks: Iterable[Sequence[Any]], snapshot: int) -> dict[int, int]:
    """What was unread after each of the marks that are of one's own reading; see `Store.log_after`."""
    own: dict[int, tuple[int, int, int, int, int]] = {}
    for number, viewer, sender, recipient, kind, seq, _ in marks:
        if kind == "read" and viewer == sender:
            room = connection.execute(ROOM, sorted((sender, recipient))).fetchone()[0]
            own[number] = room, seq, seq_at(connection, room, max(number, snapshot)), sender, recipient
    places = {(room, seq) for room, read, last, _, _ in own.values() for seq in (read, last)}
    lows = lows_at(connection, places)
    return {
        number: unread(one, other, last - read, lows[room, last] - lows[room, read])
        for number, (room, read, last, one, other) in own.items()
    }


def _in_range(number: int) -> int:
    """The nearest number that the database can compare with; no other is in it."""
    return min(max(number, 0), 2**63 - 1)
