"""The store: everything durable, behind methods that never block the loop."""

import time
from collections.abc import Collection, Iterable, Mapping
from typing import Protocol

from tornadochat.metrics import Measures
from tornadochat.models import Appended, Door, Logged, Message, Millis, Session, Snapshot, User


def clock() -> Millis:
    """Now."""
    return time.time_ns() // 1_000_000


class Store(Protocol):
    """Users, sessions and the log of messages and marks.

    What is to be logged is settled in batches, each by a call of the listener that the store was opened
    with, on the loop and in the order of the log. Reads see everything that the listener has been told
    of. Where the store fails, methods raise ChatError `unavailable`.
    """

    epoch: str
    """Which log this is; numbers of another one mean nothing here."""

    log_start: int
    """The log holds everything above this number."""

    measures: Measures
    """What it counts; only to be read."""

    @property
    def waiting(self) -> int:
        """How many entries have been appended and not been settled yet."""

    @property
    def last_number(self) -> int:
        """The highest log number that the listener has been told of."""

    @property
    def user_count(self) -> int:
        """How many users are stored."""

    def append(self, entry: Appended) -> None:
        """Have it stored; the listener will settle it, in the order of these calls."""

    async def flushed(self) -> None:
        """Wait until everything appended before this call has gone through the listener."""

    async def create_user(self, username: str, *, secret: str, door: Door, now: Millis) -> Session:
        """A new user with the first session, stored on return."""

    async def find_session(self, secret: str) -> Session | None:
        """The session that `secret` authenticates, expired or not."""

    async def touch_sessions(self, seen: Mapping[str, Millis]) -> None:
        """Note until when these sessions were in use; unknown handles are passed over."""

    async def list_sessions(self, user_id: str) -> list[Session]:
        """The user's sessions, oldest first."""

    async def delete_sessions(self, user_id: str, handles: Iterable[str] | None) -> list[str]:
        """End these sessions of this user (None: all); the handles of those that there were."""

    async def find_users(self, ids: Iterable[str]) -> dict[str, User]:
        """The users of these ids; unknown ids are absent."""

    async def search_users(self, prefix: str, after: tuple[str, str] | None, limit: int) -> list[User]:
        """Users whose folded name starts with the folded `prefix`, by folded name, then id.

        `after` is the folded name and the id of the last user of the page before.
        """

    async def history(
        self, user_id: str, other_id: str, *, before: int | None, after: int | None, limit: int
    ) -> tuple[list[Message], bool]:
        """A page of a conversation, ascending: the first above `after`, or the last below `before`.

        Both are exclusive seqs; with neither it is the latest page. The flag tells whether there is
        more in that direction.
        """

    async def log_after(self, user_id: str, number: int, limit: int, snapshot: int = 0) -> list[Logged]:
        """What the log has for the user above `number`, in its order; a message to oneself: once.

        `snapshot` is the position of the roster that the reader holds. What is unread is counted as of
        the mark or as of there, whichever is later: the reader counts on from the later one.
        """

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

    async def sweep(self, *, expired_before: Millis, keep: Collection[str]) -> list[str]:
        """End expired sessions, then forget users with no session and no message; the ids of those.

        Expired is what was last seen before a time, but for the handles in `keep`.
        """

    async def writable(self) -> bool:
        """Whether a write goes through right now, to the place where it belongs."""

    async def close(self) -> None:
        """Store everything appended so far, then let go of everything. May be called again."""
