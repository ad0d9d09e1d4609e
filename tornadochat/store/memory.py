"""A store in memory: the same semantics for as long as the process lives. For tests and comparisons."""

import asyncio
import logging
import secrets
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Final

from tornadochat.errors import ChatError, Code
from tornadochat.metrics import Measures
from tornadochat.models import (
    Appended,
    Batch,
    Conversation,
    Door,
    Draft,
    Logged,
    Message,
    Millis,
    Outcome,
    Refused,
    Session,
    Snapshot,
    User,
)
from tornadochat.store.memory_log import MemoryLog, Room
from tornadochat.store.memory_people import MemoryPeople
from tornadochat.store.store import clock

_logger = logging.getLogger("tornadochat.store")

_UNAVAILABLE: Final = Refused("unavailable")


class MemoryStore:
    """A Store, see there. Nothing in it outlives the process, so every start is a log of its own."""

    def __init__(self, listener: Callable[[Batch], None], clock: Callable[[], Millis] = clock) -> None:
        self.epoch = secrets.token_hex(6)
        self.log_start = self._last = 0
        self._listener = listener
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._people = MemoryPeople()
        self._log = MemoryLog(self._people.users)
        self._entries: list[Appended] = []
        self._flushes: list[asyncio.Future[None]] = []
        self._settling = self._closed = False
        self.measures = Measures()

    @property
    def last_number(self) -> int:
        """The highest log number that the listener has been told of."""
        return self._last

    @property
    def user_count(self) -> int:
        """How many users there are."""
        return len(self._people.users)

    @property
    def waiting(self) -> int:
        """How many entries have been appended and not been settled yet."""
        return len(self._entries)

    def append(self, entry: Appended) -> None:
        """Log it at the end of this turn of the loop, together with what else the turn brings."""
        self._entries.append(entry)
        if not self._settling:
            self._settling = True
            self._loop.call_soon(self._settle)

    async def flushed(self) -> None:
        """Wait until everything appended before this call has gone through the listener."""
        if self._settling:
            waiting: asyncio.Future[None] = self._loop.create_future()
            self._flushes.append(waiting)
            await waiting

    async def create_user(self, username: str, *, secret: str, door: Door, now: Millis) -> Session:
        """A new user with the first session."""
        self._check()
        return self._people.create(username, secret, door, now)

    async def find_session(self, secret: str) -> Session | None:
        """The session that `secret` authenticates, expired or not."""
        self._check()
        return self._people.session(secret)

    async def touch_sessions(self, seen: Mapping[str, Millis]) -> None:
        """Note until when these sessions were in use; unknown handles are passed over."""
        self._check()
        self._people.touch(seen)

    async def list_sessions(self, user_id: str) -> list[Session]:
        """The user's sessions, oldest first."""
        self._check()
        return self._people.sessions(user_id)

    async def delete_sessions(self, user_id: str, handles: Iterable[str] | None) -> list[str]:
        """End these sessions of this user (None: all); the handles of those that there were."""
        self._check()
        return self._people.end(user_id, handles)

    async def find_users(self, ids: Iterable[str]) -> dict[str, User]:
        """The users of these ids; unknown ids are absent."""
        self._check()
        users = self._people.users
        return {user_id: users[user_id] for user_id in ids if user_id in users}

    async def search_users(self, prefix: str, after: tuple[str, str] | None, limit: int) -> list[User]:
        """Users by folded name, then id; see `Store.search_users`."""
        self._check()
        return self._people.search(prefix, after, limit)

    async def history(
        self, user_id: str, other_id: str, *, before: int | None, after: int | None, limit: int
    ) -> tuple[list[Message], bool]:
        """A page of a conversation; see `Store.history`."""
        self._check()
        return self._log.page(user_id, other_id, before, after, limit)

    async def log_after(self, user_id: str, number: int, limit: int, snapshot: int = 0) -> list[Logged]:
        """What the log has for the user above `number`; see `Store.log_after`."""
        self._check()
        return self._log.after(user_id, number, limit, snapshot)

    async def snapshot(
        self,
        user_id: str,
        *,
        everyone_up_to: int,
        partners: int,
        conversations: int,
        messages: int,
        characters: int,
    ) -> Snapshot:
        """The user's roster; see `Store.snapshot`."""
        self._check()
        everyone = self.user_count <= everyone_up_to
        rooms = self._log.conversations(user_id, None if everyone else partners)
        found: list[Conversation] = []
        for index, (other, room) in enumerate(rooms):
            latest: list[Message] = []
            # The first that does not fit ends it: there is no older one after a gap.
            for message in reversed(room.messages[-messages:] if messages and index < conversations else []):
                characters -= len(message.content)
                if characters < 0:
                    break
                latest.append(message)
            found.append(self._conversation(user_id, other, room, latest[::-1]))
        shown = {user_id, *(other for other, _ in rooms)}
        others = self._people.others(but=shown) if everyone else []
        return Snapshot(self._last, found, others)

    async def sweep(self, *, expired_before: Millis, keep: Collection[str]) -> list[str]:
        """End expired sessions, then forget users with no session and no message; the ids of those."""
        self._check()
        return self._people.sweep(expired_before, keep, self._log.concerns)

    async def writable(self) -> bool:
        """Whether it is open."""
        return not self._closed

    async def close(self) -> None:
        """Log everything appended so far; what comes later is refused. May be called again."""
        await self.flushed()
        self._closed = True

    def _check(self) -> None:
        if self._closed:
            raise ChatError(Code.unavailable)

    def _settle(self) -> None:
        entries, self._entries = self._entries, []
        flushes, self._flushes = self._flushes, []
        self._settling = False
        now = self._clock()
        self.measures.batches.observe(len(entries))
        settled = [(entry, self._outcome(entry, now)) for entry in entries]
        self._last = self._log.last
        try:
            self._listener(Batch(settled, []))
        except Exception:
            _logger.exception("publishing a batch failed")
        for waiting in flushes:
            if not waiting.done():
                waiting.set_result(None)

    def _outcome(self, entry: Appended, now: Millis) -> Outcome:
        if self._closed:
            return _UNAVAILABLE
        return self._log.send(entry, now) if isinstance(entry, Draft) else self._log.mark(entry)

    def _conversation(self, user_id: str, other: str, room: Room, latest: list[Message]) -> Conversation:
        own, theirs = self._log.progress(user_id, other), self._log.progress(other, user_id)
        return Conversation(
            self._people.users[other],
            len(room.messages),
            latest,
            unread=room.unread(user_id, other, own.read),
            read=theirs.read if other == user_id else theirs.shown,
            received=theirs.received,
        )
