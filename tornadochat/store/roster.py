"""Queries about people: sessions, users by id and by name, and the snapshot at connect."""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from tornadochat.models import Conversation, Message, Session, Snapshot, User
from tornadochat.store.folding import end_of_prefix
from tornadochat.store.history import messages_of
from tornadochat.store.keys import key_of, key_or_nobody, keys_of
from tornadochat.store.log import LAST
from tornadochat.store.progress import unread
from tornadochat.store.reads import driver
from tornadochat.store.rows import session_of, user_of
from tornadochat.store.runs import Place, lows_at, numbers_below
from tornadochat.store.schema import session, user

_SESSIONS: Final = sa.select(
    session.c.id, session.c.user, user.c.username, session.c.door, session.c.created, session.c.seen
).join(user, user.c.id == session.c.user)
_SESSION: Final = _SESSIONS.where(session.c.secret == sa.bindparam("secret"))
_SESSIONS_OF: Final = _SESSIONS.where(session.c.user == sa.bindparam("user")).order_by(
    session.c.created, session.c.id
)

_USERS: Final = sa.select(user.c.id, user.c.username)
_USERS_BY_NAME: Final = _USERS.order_by(user.c.folded, user.c.id)
_ASKED: Final = sa.func.json_each(sa.bindparam("keys")).table_valued("value")
_USERS_BY_ID: Final = _USERS.where(user.c.id.in_(sa.select(_ASKED.c.value)))
_COUNTED_UP_TO: Final = sa.select(sa.func.count()).select_from(
    sa.select(user.c.id).limit(sa.bindparam("limit")).subquery()
)

_POSITION: Final = sa.text(LAST)
# The latest of each side are read from their end, and no further than the limit.
_ROOMS_BY_SIDE: Final = """
SELECT id, seq, number, lows, {other} AS other FROM room
WHERE {side} = :me AND {condition} ORDER BY number DESC LIMIT :limit
"""
_MARK: Final = """
coalesce((
    SELECT seq FROM mark
    WHERE viewer = :me AND sender = {sender} AND recipient = {recipient} AND kind = '{kind}'
), 0)
"""
ROOMS: Final = f"""
WITH mine AS (
    SELECT * FROM ({_ROOMS_BY_SIDE.format(side="low", other="high", condition="true")})
    UNION ALL
    SELECT * FROM ({_ROOMS_BY_SIDE.format(side="high", other="low", condition="low < :me")})
    ORDER BY number DESC LIMIT :limit
)
SELECT mine.id, mine.seq, mine.lows, mine.other, user.username,
    {_MARK.format(sender=":me", recipient="mine.other", kind="read")},
    {_MARK.format(sender="mine.other", recipient=":me", kind="read")},
    {_MARK.format(sender="mine.other", recipient=":me", kind="received")}
FROM mine CROSS JOIN user ON user.id = mine.other ORDER BY mine.number DESC
"""
SIZES: Final = """
SELECT message.number, length(message.content)
FROM json_each(?) AS asked CROSS JOIN message ON message.number = asked.value
"""


def find_session(connection: sa.Connection, secret: bytes) -> Session | None:
    """The session that this hashed secret authenticates."""
    row = connection.execute(_SESSION, {"secret": secret}).first()
    return None if row is None else session_of(row)


def list_sessions(connection: sa.Connection, user_id: str) -> list[Session]:
    """The user's sessions, oldest first."""
    return [session_of(row) for row in connection.execute(_SESSIONS_OF, {"user": key_of(user_id)})]


def find_users(connection: sa.Connection, ids: Iterable[str]) -> dict[str, User]:
    """The users of these ids; unknown ids are absent."""
    rows = connection.execute(_USERS_BY_ID, {"keys": _json(keys_of(ids))})
    return {found.id: found for found in map(user_of, rows)}


def search_users(
    connection: sa.Connection, prefix: str, after: tuple[str, str] | None, limit: int
) -> list[User]:
    """Users whose folded name starts with `prefix`, by folded name and id, above `after`."""
    query = _USERS_BY_NAME.limit(limit)
    # One lower bound only, the greater one: of two SQLite might start at the lesser.
    if after is not None and after[0] >= prefix:
        key = key_of(after[1])
        last = sa.tuple_(sa.literal(after[0]), sa.literal(-1 if key is None else key))
        query = query.where(sa.tuple_(user.c.folded, user.c.id) > last)
    else:
        query = query.where(user.c.folded >= prefix)
    end = end_of_prefix(prefix)
    if end is not None:
        query = query.where(user.c.folded < end)
    return [user_of(row) for row in connection.execute(query)]


def snapshot(
    connection: sa.Connection,
    user_id: str,
    *,
    everyone_up_to: int,
    partners: int,
    conversations: int,
    messages: int,
    characters: int,
) -> Snapshot:
    """The user's roster, see `Store.snapshot`; all of it as of one position."""
    me = key_or_nobody(user_id)
    position: int = connection.scalars(_POSITION).one()
    everyone = connection.scalars(_COUNTED_UP_TO, {"limit": everyone_up_to + 1}).one() <= everyone_up_to
    database = driver(connection)
    limit = -1 if everyone else partners
    rooms = database.execute(ROOMS, {"me": me, "limit": limit}).fetchall()
    lows = lows_at(database, {(row[0], row[5]) for row in rooms if 0 < row[5] < row[1]})
    latest = _latest(database, [row[:2] for row in rooms[:conversations]], messages, characters)
    found = [_conversation(me, row, lows, latest.get(row[0], [])) for row in rooms]
    shown = {user_id, *(conversation.other.id for conversation in found)}
    others = map(user_of, connection.execute(_USERS_BY_NAME)) if everyone else ()
    return Snapshot(position, found, [other for other in others if other.id not in shown])


def _conversation(
    me: int, row: Sequence[Any], lows: Mapping[Place, int], messages: list[Message]
) -> Conversation:
    room, seq, room_lows, other, username, own, read, received = row
    seen = room_lows if own == seq else lows.get((room, own), 0)
    return Conversation(
        user_of((other, username)),
        seq,
        messages,
        unread=unread(me, other, seq - own, room_lows - seen),
        read=read,
        received=max(read, received),
    )


def _latest(
    connection: sqlite3.Connection, rooms: list[tuple[int, int]], messages: int, characters: int
) -> dict[int, list[Message]]:
    """Of these rooms, which are given with their last seqs, the last messages."""
    numbers = {room: numbers_below(connection, room, seq + 1, messages) for room, seq in rooms}
    newest = [number for of_room in numbers.values() for number in reversed(of_room)]
    sizes = connection.execute(SIZES, (_json(newest),)).fetchall()
    within = sorted(_within(characters, sizes))
    found = {message.number: message for message in messages_of(connection, within)}
    return {
        room: [found[number] for number in of_room if number in found] for room, of_room in numbers.items()
    }


def _within(characters: int, sizes: Iterable[tuple[int, int]]) -> list[int]:
    """The newest messages of the latest conversations, as far as the characters go."""
    numbers: list[int] = []
    for number, length in sizes:
        characters -= length
        if characters < 0:
            break
        numbers.append(number)
    return numbers


def _json(keys: list[int]) -> str:
    return msgspec.json.encode(keys).decode()
