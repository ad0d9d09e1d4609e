"""Writes to users and sessions, as the writer's thread runs them."""

import hashlib
import sqlite3
from collections.abc import Collection, Iterable, Mapping

import msgspec

from tornadochat.models import Door, Millis, Session, User
from tornadochat.store.folding import folded
from tornadochat.store.keys import key_of, keys_of, new_key, public_id


def hashed(secret: str) -> bytes:
    """All that is kept of a session's secret. It has 256 random bits: salt and stretching add nothing."""
    # What is not even text is no session's secret, and finds none.
    return hashlib.sha256(secret.encode(errors="surrogatepass")).digest()


def create_user(
    connection: sqlite3.Connection, username: str, secret: bytes, door: Door, now: Millis
) -> Session:
    """A new user with the first session."""
    user, session = new_key(), new_key()
    connection.execute(
        "INSERT INTO user (id, username, folded, created) VALUES (?, ?, ?, ?)",
        (user, username, folded(username), now),
    )
    connection.execute(
        "INSERT INTO session (id, secret, user, door, created, seen) VALUES (?, ?, ?, ?, ?, ?)",
        (session, secret, user, door, now, now),
    )
    return Session(public_id(session), User(public_id(user), username), door, now, now)


def touch_sessions(connection: sqlite3.Connection, seen: Mapping[str, Millis]) -> None:
    """Note until when these sessions were in use."""
    known = [(key, at) for handle, at in seen.items() if (key := key_of(handle)) is not None]
    connection.execute(
        """
        UPDATE session SET seen = max(seen, asked.value ->> 1)
        FROM json_each(?) AS asked WHERE session.id = asked.value ->> 0
        """,
        (msgspec.json.encode(known).decode(),),
    )


def delete_sessions(connection: sqlite3.Connection, user_id: str, handles: Iterable[str] | None) -> list[str]:
    """End these sessions of the user, or all; the handles of those that were there."""
    statement = "DELETE FROM session WHERE user = ?"
    parameters: tuple[object, ...] = (key_of(user_id),)
    if handles is not None:
        statement += " AND id IN (SELECT value FROM json_each(?))"
        parameters += (_json(handles),)
    return [
        public_id(key) for (key,) in connection.execute(statement + " RETURNING id", parameters).fetchall()
    ]


def sweep(connection: sqlite3.Connection, expired_before: Millis, keep: Collection[str]) -> list[str]:
    """End expired sessions, then forget users who left nothing behind; the ids of those users."""
    connection.execute(
        "DELETE FROM session WHERE seen < ? AND id NOT IN (SELECT value FROM json_each(?))",
        (expired_before, _json(keep)),
    )
    # Who has sent or received a message is a member of a room, once that is in the indexes.
    gone = connection.execute(
        """
        DELETE FROM user
        WHERE NOT EXISTS (SELECT 1 FROM session WHERE session.user = user.id)
        AND NOT EXISTS (SELECT 1 FROM room WHERE room.low = user.id)
        AND NOT EXISTS (SELECT 1 FROM room WHERE room.high = user.id)
        AND id NOT IN (
            SELECT sender FROM message WHERE number > (SELECT number FROM indexing)
            UNION SELECT recipient FROM message WHERE number > (SELECT number FROM indexing)
        )
        RETURNING id
        """
    ).fetchall()
    return [public_id(key) for (key,) in gone]


def probe(connection: sqlite3.Connection) -> None:
    """Write something that changes nothing."""
    connection.execute("UPDATE meta SET value = value WHERE key = 'epoch'")


def _json(publics: Iterable[str]) -> str:
    return msgspec.json.encode(keys_of(publics)).decode()
