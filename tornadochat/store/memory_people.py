"""Users and sessions of a store in memory."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Collection, Iterable, Mapping

import msgspec

from tornadochat.models import Door, Millis, Session, User
from tornadochat.store.folding import folded
from tornadochat.store.keys import key_of, new_key, public_id
from tornadochat.store.people import hashed


class MemoryPeople:
    """Who there is. `users` has them by id."""

    def __init__(self) -> None:
        self.users: dict[str, User] = {}
        self._names: list[tuple[str, str]] = []
        self._sessions: dict[str, Session] = {}
        self._handles: dict[bytes, str] = {}
        self._secrets: dict[str, bytes] = {}
        self._of: dict[str, set[str]] = {}

    def create(self, username: str, secret: str, door: Door, now: Millis) -> Session:
        """A new user with the first session."""
        user = User(public_id(new_key()), username)
        session = Session(public_id(new_key()), user, door, now, now)
        self.users[user.id] = user
        insort(self._names, (folded(username), user.id))
        self._sessions[session.handle] = session
        self._secrets[session.handle] = key = hashed(secret)
        self._handles[key] = session.handle
        self._of[user.id] = {session.handle}
        return session

    def session(self, secret: str) -> Session | None:
        """The session of this secret."""
        handle = self._handles.get(hashed(secret))
        return None if handle is None else self._sessions[handle]

    def sessions(self, user_id: str) -> list[Session]:
        """The user's sessions, oldest first."""
        own = [self._sessions[handle] for handle in self._of.get(user_id, ())]
        return sorted(own, key=lambda session: (session.created, session.handle))

    def touch(self, seen: Mapping[str, Millis]) -> None:
        """Note until when these sessions were in use."""
        for handle, at in seen.items():
            session = self._sessions.get(handle)
            if session is not None and session.seen < at:
                self._sessions[handle] = msgspec.structs.replace(session, seen=at)

    def end(self, user_id: str, handles: Iterable[str] | None) -> list[str]:
        """End these sessions of the user, or all."""
        own = self._of.get(user_id, set())
        ended = list(own) if handles is None else list(own.intersection(handles))
        for handle in ended:
            self._end(handle)
        return ended

    def sweep(
        self, expired_before: Millis, keep: Collection[str], concerned: Callable[[str], bool]
    ) -> list[str]:
        """End expired sessions, then forget whom nothing concerns."""
        kept = set(keep)
        for session in list(self._sessions.values()):
            if session.seen < expired_before and session.handle not in kept:
                self._end(session.handle)
        gone = [user_id for user_id in self.users if not self._of[user_id] and not concerned(user_id)]
        for user_id in gone:
            del self.users[user_id], self._of[user_id]
        if gone:
            self._names = [name for name in self._names if name[1] in self.users]
        return gone

    def search(self, prefix: str, after: tuple[str, str] | None, limit: int) -> list[User]:
        """See `Store.search_users`."""
        start = bisect_left(self._names, (prefix, ""))
        if after is not None and after[0] >= prefix:
            # What is nobody's id stands before all of that name, as in a database of numbers.
            last = after[1] if key_of(after[1]) is not None else ""
            start = bisect_right(self._names, (after[0], last))
        page = self._names[start : start + limit]
        return [self.users[user_id] for name, user_id in page if name.startswith(prefix)]

    def others(self, but: Collection[str]) -> list[User]:
        """Everyone else, by folded name and id."""
        return [self.users[user_id] for _, user_id in self._names if user_id not in but]

    def _end(self, handle: str) -> None:
        session = self._sessions.pop(handle)
        del self._handles[self._secrets.pop(handle)]
        self._of[session.user.id].discard(handle)
