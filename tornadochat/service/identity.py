"""Who is at the door: new users, and sessions that come back."""

import secrets
from collections.abc import Callable

from tornadochat.delivery.connection import Connection
from tornadochat.delivery.hub import Hub
from tornadochat.errors import ChatError, Close, Code
from tornadochat.models import Door, Millis, Session
from tornadochat.protocol import ConnectData, Empty, Logout, Revoke, SessionInfo, Sessions
from tornadochat.rates import Rates
from tornadochat.service.directory import Directory
from tornadochat.service.replies import Reply
from tornadochat.service.usernames import username
from tornadochat.store import Store

SECRET_BYTES = 32
SECRET_LONGEST = 128
SEEN_EVERY = 60_000
"""How far `seen` may lag behind, in milliseconds: a write per session and minute, not per frame."""


class SignIn:
    """A session, and the secret that proved or created it."""

    __slots__ = ("secret", "session")

    def __init__(self, session: Session, secret: str) -> None:
        self.session = session
        self.secret = secret


class Identity:
    """Signs in and out. A session slides forward while in use and expires after its lifetime."""

    def __init__(
        self,
        store: Store,
        hub: Hub,
        directory: Directory,
        rates: Rates,
        *,
        clock: Callable[[], Millis],
        lifetime: float,
        username_characters: int,
    ) -> None:
        """`lifetime` in seconds."""
        self._store = store
        self._hub = hub
        self._directory = directory
        self._rates = rates
        self._clock = clock
        self._lifetime = round(lifetime * 1000)
        self._username_characters = username_characters
        self._seen: dict[str, Millis] = {}
        self._under_way = 0
        self._ended: set[str] = set()

    async def sign_in(self, data: ConnectData, door: Door, address: str) -> SignIn:
        """A known session by its secret, else a new user by name.

        Raises ChatError `invalid_username` or `unknown_session`; the text of both is the guide's
        `invalid username`. And `rate_limited`, where too many wrong secrets came from the address: a right
        one has to wait as well then, since to tell it from a wrong one is to answer the guess.
        """
        if data.sessionID is not None:
            self._rates.may_guess(address)
            known = await self._resume(data.sessionID)
            if known is not None:
                self._rates.sign_in(known.session.user.id)
                return known
            self._rates.guessed(address)
            if data.username is None:
                expected = "the secret of a live session"
                raise ChatError(Code.unknown_session, field="sessionID", expected=expected)
        if data.username is None:
            raise ChatError(Code.invalid_username, field="username", expected="a name, or a sessionID")
        name = username(data.username, self._username_characters)
        secret = secrets.token_urlsafe(SECRET_BYTES)
        session = await self._store.create_user(name, secret=secret, door=door, now=self._clock())
        self._directory.remember(session.user)
        return SignIn(session, secret)

    async def sessions(self, connection: Connection, command: Sessions, reply: Reply) -> None:
        """Answers with the user's sessions, oldest first."""
        live = await self._store.list_sessions(connection.user.id)
        now = self._clock()
        connected = self._connected_of(connection.user.id)
        reply(
            [
                SessionInfo(
                    id=session.handle,
                    created=session.created,
                    seen=now if session.handle in connected else session.seen,
                    door=session.door,
                    current=session.handle == connection.session.handle,
                )
                for session in live
                if session.handle in connected or not self._expired(session)
            ]
        )

    async def revoke(self, connection: Connection, command: Revoke, reply: Reply) -> None:
        """Ends sessions of one's own; their connections close at once, one's own after the answer."""
        user_id, own = connection.user.id, connection.session.handle
        chosen = [part for part in (command.id, command.others, command.all) if part is not None]
        if len(chosen) != 1:
            raise ChatError(Code.invalid, expected="exactly one of id, others: true, all: true")
        if command.id is not None:
            handles: list[str] | None = [command.id]
        elif command.others:
            handles = [s.handle for s in await self._store.list_sessions(user_id) if s.handle != own]
        else:
            handles = None
        ended = await self._end(user_id, handles)
        if command.id is not None and not ended:
            raise ChatError(Code.invalid, field="id", expected="the id of one of your sessions")
        reply(Empty())
        self._close(user_id, ended)

    async def logout(self, connection: Connection, command: Logout, reply: Reply) -> None:
        """Ends this session, and every connection that uses it."""
        ended = await self._end(connection.user.id, [connection.session.handle])
        reply(Empty())
        self._close(connection.user.id, ended)

    def left(self, handle: str) -> None:
        """A connection of the session has gone: it was in use until now."""
        self._seen[handle] = self._clock()

    async def touch(self) -> None:
        """Writes down which sessions were in use since the last time."""
        left, now = dict(self._seen), self._clock()
        seen = left | dict.fromkeys(self._connected(), now)
        if seen:
            await self._store.touch_sessions(seen)
            for handle, at in left.items():
                if self._seen.get(handle) == at:
                    del self._seen[handle]

    async def sweep(self) -> None:
        """Deletes expired sessions, and users with neither a session nor a message."""
        await self.touch()
        gone = await self._store.sweep(
            expired_before=self._clock() - self._lifetime,
            keep=self._connected(),
        )
        self._directory.forget(gone)

    async def _resume(self, secret: str) -> SignIn | None:
        if len(secret) > SECRET_LONGEST:
            return None
        self._under_way += 1
        try:
            session = await self._store.find_session(secret)
            # Between the read and this turn the session may have been revoked; whoever revoked it
            # has closed the connections there were, and would not see the one about to begin.
            if session is None or session.handle in self._ended or self._expired(session):
                return None
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._ended.clear()
        self._directory.remember(session.user)
        if self._clock() - session.seen > SEEN_EVERY:
            self._seen[session.handle] = self._clock()
        return SignIn(session, secret)

    async def _end(self, user_id: str, handles: list[str] | None) -> list[str]:
        ended = await self._store.delete_sessions(user_id, handles)
        if self._under_way:
            self._ended.update(ended)
        return ended

    def _close(self, user_id: str, handles: list[str]) -> None:
        for connection in self._hub.of(user_id):
            if connection.session.handle in handles:
                connection.transport.close(Close.revoked)

    def _expired(self, session: Session) -> bool:
        seen = max(session.seen, self._seen.get(session.handle, 0))
        if seen + self._lifetime > self._clock():
            return False
        return session.handle not in self._connected_of(session.user.id)

    def _connected_of(self, user_id: str) -> set[str]:
        return {connection.session.handle for connection in self._hub.of(user_id)}

    def _connected(self) -> set[str]:
        return {connection.session.handle for connection in self._hub}
