"""Queries about people: sessions, users by id and by name, and the snapshot at connect."""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from tornadochat.models import Conversation, Message, Session, Snapshot, User
from tornadochat.store.folding import end_of_prefix
from tornadochat.store.history import messages_of
from tornadochat.store.keys import NOBODY, key_of, key_or_nobody, keys_of
from tornadochat.store.progress import unread
from tornadochat.store.rows import session_of, user_of
from tornadochat.store.runs import Place, lows_at, numbers_below

_SESSIONS: Final = """
SELECT session.id, session.user, user.username, session.door, session.created, session.seen
FROM session CROSS JOIN user ON user.id = session.user
"""
SESSION: Final = f"{_SESSIONS} WHERE session.secret = ?"
SESSIONS_OF: Final = f"{_SESSIONS} WHERE session.user = ? ORDER BY session.created, session.id"
USERS_BY_ID: Final = """
SELECT user.id, user.username FROM json_each(?) AS asked CROSS JOIN user ON user.id = asked.value
"""
USERS_BY_NAME: Final = "SELECT id, username FROM user ORDER BY folded, id"
USERS_FROM: Final = """
SELECT id, username FROM user WHERE (folded, id) > (?, ?) AND folded < ? ORDER BY folded, id LIMIT ?
"""
_COUNTED_UP_TO: Final = "SELECT count(*) FROM (SELECT 1 FROM user LIMIT ?)"
# No text is greater than a blob.
_NO_END: Final = b""

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
INDEXED: Final = "SELECT number FROM indexing"
SIZES: Final = """
SELECT message.number, length(message.content)
FROM json_each(?) AS asked CROSS JOIN message ON message.number = asked.value
"""


def find_session(connection: sqlite3.Connection, secret: bytes) -> Session | None:
    """The session that this hashed secret authenticates."""
    row = connection.execute(SESSION, (secret,)).fetchone()
    return None if row is None else session_of(row)


def list_sessions(connection: sqlite3.Connection, user_id: str) -> list[Session]:
    """The user's sessions, oldest first."""
    return [session_of(row) for row in connection.execute(SESSIONS_OF, (key_of(user_id),))]


def find_users(connection: sqlite3.Connection, ids: Iterable[str]) -> dict[str, User]:
    """The users of these ids; unknown ids are absent."""
    rows = connection.execute(USERS_BY_ID, (_json(keys_of(ids)),))
    return {found.id: found for found in map(user_of, rows)}


def search_users(
    connection: sqlite3.Connection, prefix: str, after: tuple[str, str] | None, limit: int
) -> list[User]:
    """Users whose folded name starts with `prefix`, by folded name and id, above `after`."""
    # One lower bound only, the greater one: of two SQLite might start at the lesser. No key is below 0.
    start = (prefix, NOBODY)
    if after is not None and after[0] >= prefix:
        start = after[0], key_or_nobody(after[1])
    end = end_of_prefix(prefix)
    found = connection.execute(USERS_FROM, (*start, _NO_END if end is None else end, limit))
    return [user_of(row) for row in found]


def snapshot(
    connection: sqlite3.Connection,
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
    # Not the end of the log: since the reader asked for the indexes, more may have been committed.
    position: int = connection.execute(INDEXED).fetchone()[0]
    (counted,) = connection.execute(_COUNTED_UP_TO, (everyone_up_to + 1,)).fetchone()
    everyone = counted <= everyone_up_to
    limit = -1 if everyone else partners
    rooms = connection.execute(ROOMS, {"me": me, "limit": limit}).fetchall()
    lows = lows_at(connection, {(row[0], row[5]) for row in rooms if 0 < row[5] < row[1]})
    latest = _latest(connection, [row[:2] for row in rooms[:conversations]], messages, characters)
    found = [_conversation(me, row, lows, latest.get(row[0], [])) for row in rooms]
    shown = {user_id, *(conversation.other.id for conversation in found)}
    others = map(user_of, connection.execute(USERS_BY_NAME)) if everyone else ()
    return Snapshot(position, found, [other for other in others if other.id not in shown])


def _conversation(
    me: int, row: Sequence[Any], lows: Mapping[Place, int], messages: list[Message]
) -> Conversation:
    room, seq, room_lows, other, username, own, read, received = row
    # A mark may be newer than the indexes, which is how far this goes; its event follows.
    own, read, received = min(own, seq), min(read, seq), min(received, seq)
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
