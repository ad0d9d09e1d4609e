"""Queries about the log: one conversation, and one user's part of everything."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from tornadochat.models import Logged, Message
from tornadochat.store.keys import key_of
from tornadochat.store.marks import unread
from tornadochat.store.rows import MARK_FIELDS, MESSAGE_FIELDS, mark_of, message_of
from tornadochat.store.schema import mark, message, room

_MESSAGES: Final = sa.select(*(message.c[field] for field in MESSAGE_FIELDS))
_LIMIT: Final = sa.bindparam("limit", type_=sa.Integer)

_ROOM: Final = (
    sa.select(room.c.id)
    .where(room.c.low == sa.bindparam("low"), room.c.high == sa.bindparam("high"))
    .scalar_subquery()
)
_CONVERSATION: Final = _MESSAGES.where(message.c.room == _ROOM).limit(_LIMIT)
LATEST: Final = _CONVERSATION.order_by(message.c.seq.desc())
BEFORE: Final = LATEST.where(message.c.seq < sa.bindparam("seq"))
AFTER: Final = _CONVERSATION.order_by(message.c.seq).where(message.c.seq > sa.bindparam("seq"))


def _side(column: sa.Column[Any]) -> sa.Select[tuple[int]]:
    part = (
        sa.select(message.c.number)
        .where(column == sa.bindparam("user"), message.c.number > sa.bindparam("number"))
        .order_by(message.c.number)
        .limit(_LIMIT)
        .subquery()
    )
    return sa.select(part.c.number)


# Both sides are read in order from their indexes and no further than the limit. Leaving out of one
# what is in the other (messages to oneself) is UNION's: a filter could read past any number of them.
_NUMBERS: Final = (
    sa.union(_side(message.c.sender), _side(message.c.recipient)).order_by("number").limit(_LIMIT)
)
LOG_AFTER: Final = _MESSAGES.where(message.c.number.in_(_NUMBERS)).order_by(message.c.number)
MARKS_AFTER: Final = (
    sa.select(*(mark.c[field] for field in MARK_FIELDS))
    .where(mark.c.viewer == sa.bindparam("user"), mark.c.number > sa.bindparam("number"))
    .order_by(mark.c.number)
    .limit(_LIMIT)
)
# For each of the rooms, from its end downwards to where it ended at that number of the log. What is
# passed over is newer than that, and is still to be replayed to the reader.
UNREAD: Final = sa.text("""
SELECT asked.value ->> 0, last.seq - seen.seq, last.lows - seen.lows
FROM json_each(:asked) AS asked
CROSS JOIN room ON room.low = asked.value ->> 1 AND room.high = asked.value ->> 2
CROSS JOIN message AS seen ON seen.room = room.id AND seen.seq = asked.value ->> 3
CROSS JOIN message AS last ON last.number = (
    SELECT number FROM message WHERE message.room = room.id AND number <= asked.value ->> 4
    ORDER BY seq DESC LIMIT 1
)
""")


def history(
    connection: sa.Connection,
    user_id: str,
    other_id: str,
    *,
    before: int | None,
    after: int | None,
    limit: int,
) -> tuple[list[Message], bool]:
    """A page of a conversation, ascending, and whether there is more in that direction."""
    one, other = key_of(user_id), key_of(other_id)
    if one is None or other is None:
        return [], False
    query = LATEST if before is None else BEFORE
    if after is not None:
        query = AFTER
    seq = _in_range(before or 0) if after is None else _in_range(after)
    parameters = {"low": min(one, other), "high": max(one, other), "seq": seq, "limit": limit + 1}
    found = [message_of(row) for row in connection.execute(query, parameters)]
    page = found[:limit]
    return page if after is not None else page[::-1], len(found) > limit


def log_after(
    connection: sa.Connection, user_id: str, number: int, limit: int, snapshot: int
) -> list[Logged]:
    """What the log has for the user above `number`, in its order, no more than `limit`."""
    parameters = {"user": key_of(user_id), "number": _in_range(number), "limit": limit}
    found: list[Logged] = [message_of(row) for row in connection.execute(LOG_AFTER, parameters)]
    marks = connection.execute(MARKS_AFTER, parameters).all()
    if not marks:
        return found
    counted = _unread(connection, marks, snapshot)
    found += [mark_of(row, counted.get(row.number)) for row in marks]
    return sorted(found, key=lambda logged: logged.number)[:limit]


def _unread(connection: sa.Connection, marks: Sequence[sa.Row[Any]], snapshot: int) -> dict[int, int]:
    """What was unread after each of the marks that are of one's own reading; see `Store.log_after`."""
    own = {row.number: row for row in marks if row.kind == "read" and row.viewer == row.sender}
    asked = [
        (number, *sorted((row.sender, row.recipient)), row.seq, max(number, snapshot))
        for number, row in own.items()
    ]
    if not asked:
        return {}
    counts = connection.execute(UNREAD, {"asked": msgspec.json.encode(asked).decode()})
    return {number: unread(own[number].sender, own[number].recipient, *count) for number, *count in counts}


def _in_range(number: int) -> int:
    """The nearest number that the database can compare with; no other is in it."""
    return min(max(number, 0), 2**63 - 1)
