"""Queries about messages: one conversation, and one user's part of the log."""

from typing import Any, Final

import sqlalchemy as sa

from tornadochat.models import Message
from tornadochat.store.keys import key_of
from tornadochat.store.rows import MESSAGE_FIELDS, message_of
from tornadochat.store.schema import message, room

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


def log_after(connection: sa.Connection, user_id: str, number: int, limit: int) -> list[Message]:
    """What the user sent or received above `number`, in log order, no more than `limit`."""
    parameters = {"user": key_of(user_id), "number": _in_range(number), "limit": limit}
    return [message_of(row) for row in connection.execute(LOG_AFTER, parameters)]


def _in_range(number: int) -> int:
    """The nearest number that the database can compare with; no other is in it."""
    return min(max(number, 0), 2**63 - 1)
