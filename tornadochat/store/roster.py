"""Queries about people: sessions, users by id and by name, and the snapshot at connect."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from tornadochat.models import Conversation, MarkKind, Message, Session, Snapshot, User
from tornadochat.store.folding import end_of_prefix
from tornadochat.store.keys import key_of, keys_of
from tornadochat.store.log import LAST
from tornadochat.store.marks import unread
from tornadochat.store.rows import MESSAGE_FIELDS, message_of, session_of, user_of
from tornadochat.store.schema import mark, message, room, session, user

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
_ME: Final = sa.bindparam("me", type_=sa.Integer)
_MINE: Final = sa.union_all(
    sa.select(room.c.id, room.c.seq, room.c.number, room.c.high.label("other")).where(room.c.low == _ME),
    sa.select(room.c.id, room.c.seq, room.c.number, room.c.low).where(room.c.high == _ME, room.c.low < _ME),
).subquery("mine")
_FIRST: Final = (
    sa.select(_MINE).order_by(_MINE.c.number.desc()).limit(sa.bindparam("limit", type_=sa.Integer)).subquery()
)
_LAST, _SEEN = message.alias("last"), message.alias("seen")
_OWN_READ, _READ, _RECEIVED = mark.alias("own_read"), mark.alias("theirs_read"), mark.alias("theirs_received")


def _mark_is(marks: sa.FromClause, sender: sa.ColumnElement[int], kind: MarkKind) -> sa.ColumnElement[bool]:
    """The condition that it is the mark of this kind, of this one of the two, as I may know it."""
    recipient = _FIRST.c.other if sender is _ME else _ME
    members = sa.and_(marks.c.sender == sender, marks.c.recipient == recipient)
    return sa.and_(marks.c.viewer == _ME, members, marks.c.kind == kind)


# Every join is one look-up by a key; `seen` is the message at one's own read mark.
ROOMS: Final = (
    sa.select(
        _FIRST.c.id,
        _FIRST.c.seq,
        user.c.id,
        user.c.username,
        _FIRST.c.seq - sa.func.coalesce(_SEEN.c.seq, 0),
        _LAST.c.lows - sa.func.coalesce(_SEEN.c.lows, 0),
        sa.func.coalesce(_READ.c.seq, 0),
        sa.func.coalesce(_RECEIVED.c.seq, 0),
    )
    .join(user, user.c.id == _FIRST.c.other)
    .join(_LAST, sa.and_(_LAST.c.room == _FIRST.c.id, _LAST.c.seq == _FIRST.c.seq))
    .outerjoin(_OWN_READ, _mark_is(_OWN_READ, _ME, "read"))
    .outerjoin(_SEEN, sa.and_(_SEEN.c.room == _FIRST.c.id, _SEEN.c.seq == _OWN_READ.c.seq))
    .outerjoin(_READ, _mark_is(_READ, _FIRST.c.other, "read"))
    .outerjoin(_RECEIVED, _mark_is(_RECEIVED, _FIRST.c.other, "received"))
    .order_by(_FIRST.c.number.desc())
)
# The seqs of a room have no gaps, so its last messages are known by their numbers.
SIZES: Final = (
    sa.select(message.c.number, sa.func.length(message.c.content))
    .select_from(room.join(message, message.c.room == room.c.id))
    .where(room.c.id.in_(sa.select(_ASKED.c.value)), message.c.seq > room.c.seq - sa.bindparam("messages"))
    .order_by(room.c.number.desc(), message.c.seq.desc())
)
LATEST: Final = (
    sa.select(message.c.room, *(message.c[field] for field in MESSAGE_FIELDS))
    .where(message.c.number.in_(sa.select(_ASKED.c.value)))
    .order_by(message.c.room, message.c.seq)
)


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
    me = key_of(user_id)
    position: int = connection.scalars(_POSITION).one()
    everyone = connection.scalars(_COUNTED_UP_TO, {"limit": everyone_up_to + 1}).one() <= everyone_up_to
    rooms = connection.execute(ROOMS, {"me": me, "limit": -1 if everyone else partners}).all()
    latest = _latest(connection, [row[0] for row in rooms[:conversations]], messages, characters)
    found = [_conversation(me or 0, row, latest.get(row[0], [])) for row in rooms]
    shown = {user_id, *(conversation.other.id for conversation in found)}
    others = map(user_of, connection.execute(_USERS_BY_NAME)) if everyone else ()
    return Snapshot(position, found, [other for other in others if other.id not in shown])


def _conversation(me: int, row: Sequence[Any], messages: list[Message]) -> Conversation:
    _, seq, other, username, above, lows, read, received = row
    return Conversation(
        user_of((other, username)),
        seq,
        messages,
        unread=unread(me, other, above, lows),
        read=read,
        received=max(read, received),
    )


def _latest(
    connection: sa.Connection, rooms: list[int], messages: int, characters: int
) -> dict[int, list[Message]]:
    latest: dict[int, list[Message]] = {key: [] for key in rooms}
    sizes = connection.execute(SIZES, {"keys": _json(rooms), "messages": messages}).all()
    numbers = _within(characters, [(row[0], row[1]) for row in sizes])
    for row in connection.execute(LATEST, {"keys": _json(numbers)}):
        latest[row[0]].append(message_of(row[1:]))
    return latest


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
