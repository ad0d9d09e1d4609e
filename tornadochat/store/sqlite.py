"""The store in an SQLite file."""

import asyncio
import sqlite3
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from typing import Final

from tornadochat.errors import ChatError
from tornadochat.models import Appended, Batch, Door, Logged, Message, Millis, Session, Snapshot, User
from tornadochat.store import history, people, roster
from tornadochat.store.claim import Claim
from tornadochat.store.connection import Connect, Durability, File, connect
from tornadochat.store.errors import StoreError
from tornadochat.store.ledger import Ledger
from tornadochat.store.log import Log, open_log
from tornadochat.store.migrate import migrate, path_of
from tornadochat.store.reads import Reader
from tornadochat.store.store import clock
from tornadochat.store.writer import Writer

# Longer than SQLite waits for a lock; a disk that takes longer is no disk to accept messages on.
_PROBE_SECONDS: Final = 10.0


class SQLiteStore:
    """A Store, see there, in one SQLite file.

    One thread writes: what is to be logged as it comes, in batches; other changes in between. Reads run
    beside it.
    """

    def __init__(self, log: Log, writer: Writer, reader: Reader, file: File, claim: Claim) -> None:
        self.epoch = log.epoch
        self.log_start = log.log_start
        self._writer = writer
        self._reader = reader
        self._file = file
        self._claim = claim
        self._closing: asyncio.Future[None] | None = None
        self.measures = writer.measures

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        durability: Durability,
        listener: Callable[[Batch], None],
        clock: Callable[[], Millis] = clock,
        connect: Connect = connect,
    ) -> "SQLiteStore":
        """Open the database of a `sqlite:///path` URL, made or brought up to date where needed.

        `listener` is called on the loop with every batch, in commit order, and settles its drafts.
        Raises StoreError.
        """
        path = path_of(url)
        claim = await asyncio.to_thread(Claim, path)
        opened = partial(open_log, path, connect, durability, clock)
        try:
            await asyncio.to_thread(migrate, path)
            log = await asyncio.to_thread(opened)
        except BaseException as error:
            claim.release()
            if isinstance(error, sqlite3.Error):
                raise StoreError(f"{path}: {error}") from None
            raise
        writer = Writer(Ledger(log, opened), log.last, log.users, listener)
        return cls(log, writer, Reader(path, connect, writer.measures), File(path), claim)

    @property
    def last_number(self) -> int:
        """The highest log number that the listener has been told of."""
        return self._writer.last

    @property
    def user_count(self) -> int:
        """How many users are stored."""
        return self._writer.users

    @property
    def waiting(self) -> int:
        """How many entries have been appended and not been settled yet."""
        return self._writer.waiting

    def append(self, entry: Appended) -> None:
        """Have it stored; the listener will settle it, in the order of these calls."""
        self._writer.append(entry)

    async def flushed(self) -> None:
        """Wait until everything appended before this call has gone through the listener."""
        await self._writer.flushed()

    async def create_user(self, username: str, *, secret: str, door: Door, now: Millis) -> Session:
        """A new user with the first session, durable on return."""
        work = partial(
            people.create_user, username=username, secret=people.hashed(secret), door=door, now=now
        )
        return await self._writer.run(work, committed=lambda _: self._count(1))

    async def find_session(self, secret: str) -> Session | None:
        """The session that `secret` authenticates, expired or not."""
        return await self._reader.run(roster.find_session, people.hashed(secret))

    async def touch_sessions(self, seen: Mapping[str, Millis]) -> None:
        """Note until when these sessions were in use; unknown handles are passed over."""
        await self._writer.run(partial(people.touch_sessions, seen=dict(seen)))

    async def list_sessions(self, user_id: str) -> list[Session]:
        """The user's sessions, oldest first."""
        return await self._reader.run(roster.list_sessions, user_id)

    async def delete_sessions(self, user_id: str, handles: Iterable[str] | None) -> list[str]:
        """End these sessions of this user (None: all); the handles of those that there were."""
        wanted = None if handles is None else list(handles)
        return await self._writer.run(partial(people.delete_sessions, user_id=user_id, handles=wanted))

    async def find_users(self, ids: Iterable[str]) -> dict[str, User]:
        """The users of these ids; unknown ids are absent."""
        return await self._reader.run(roster.find_users, list(ids))

    async def search_users(self, prefix: str, after: tuple[str, str] | None, limit: int) -> list[User]:
        """Users whose folded name starts with the folded `prefix`, by folded name, then id.

        `after` is the folded name and the id of the last user of the page before.
        """
        return await self._reader.run(roster.search_users, prefix, after, limit)

    async def history(
        self, user_id: str, other_id: str, *, before: int | None, after: int | None, limit: int
    ) -> tuple[list[Message], bool]:
        """A page of a conversation, ascending: the first above `after`, or the last below `before`.

        Both are exclusive seqs; with neither it is the latest page. The flag tells whether there is
        more in that direction.
        """
        await self._writer.indexed()
        return await self._reader.run(
            history.history, user_id, other_id, before=before, after=after, limit=limit
        )

    async def log_after(self, user_id: str, number: int, limit: int, snapshot: int = 0) -> list[Logged]:
        """What the log has for the user above `number`, in its order; a message to oneself: once.

        `snapshot` is the position of the roster that the reader holds. What is unread is counted as of
        the mark or as of there, whichever is later: the reader counts on from the later one.
        """
        await self._writer.indexed()
        return await self._reader.run(history.log_after, user_id, number, limit, snapshot)

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
        """The user's roster at one position of the log.

        With at most `everyone_up_to` stored users it has all conversations and everyone else; with
        more the latest `partners` conversations alone. The first `conversations` of them carry their
        last `messages` messages, of the latest first, as long as they are within so many `characters`
        in all.
        """
        await self._writer.indexed()
        return await self._reader.run(
            roster.snapshot,
            user_id,
            everyone_up_to=everyone_up_to,
            partners=partners,
            conversations=conversations,
            messages=messages,
            characters=characters,
        )

    async def sweep(self, *, expired_before: Millis, keep: Collection[str]) -> list[str]:
        """End expired sessions, then forget users with no session and no message; the ids of those.

        Expired is what was last seen before a time, but for the handles in `keep`.
        """
        work = partial(people.sweep, expired_before=expired_before, keep=list(keep))
        return await self._writer.run(work, committed=lambda gone: self._count(-len(gone)))

    async def writable(self) -> bool:
        """Whether a write goes through right now, to the file that is in its place."""
        if not self._file.in_place():
            return False
        try:
            await asyncio.wait_for(self._writer.run(people.probe), _PROBE_SECONDS)
        except (ChatError, TimeoutError):
            return False
        return True

    async def close(self) -> None:
        """Store everything appended so far, then let go of the database. May be called again."""
        if self._closing is None:
            self._closing = asyncio.ensure_future(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        try:
            await self._writer.close()
        finally:
            try:
                await asyncio.to_thread(self._reader.close)
            finally:
                self._claim.release()

    def _count(self, change: int) -> None:
        self._writer.users += change
