"""The things that last: users, their sessions and the messages between them.

Plain values, imported by anyone; how they are stored is the business of `tornadochat.store`, how
they look on the wire that of `tornadochat.protocol`.
"""

from collections.abc import Callable
from typing import Literal

import msgspec

Door = Literal["socketio", "raw"]
"""Which of the two transports a session or a connection came through."""

Millis = int
"""A point in time: milliseconds since 1970, UTC."""


class User(msgspec.Struct, frozen=True):
    """Who takes part.

    `id` is public and opaque: 16 lower-case hexadecimal digits. `username` is what the person
    chose, normalised; two users may bear the same one.
    """

    id: str
    username: str


class Session(msgspec.Struct, frozen=True):
    """A log-in of one user. Its secret is not here: only the store knows it, and only hashed.

    `handle` is the session's public name, for listing and revoking.
    """

    handle: str
    user: User
    door: Door
    created: Millis
    seen: Millis


class Message(msgspec.Struct, frozen=True):
    """A private message as the log holds it.

    `number` is its place in the one log of all durable events, `seq` its place in the conversation
    of sender and recipient (1, 2, 3 …, no gaps). `connection` is the connection that sent it.
    """

    number: int
    sender: str
    recipient: str
    seq: int
    content: str
    at: Millis
    client_id: str | None
    connection: int

    @property
    def id(self) -> str:
        """The message's public, opaque name."""
        return str(self.number)

    def other(self, user_id: str) -> str:
        """The other side of the conversation, seen from `user_id`; oneself in a message to oneself."""
        return self.recipient if user_id == self.sender else self.sender


class Draft(msgspec.Struct, eq=False):
    """A message on its way into the store.

    `settle` is called exactly once, on the event loop, after everything of the same batch that is
    now durable has been published.
    """

    sender: User
    recipient: User
    content: str
    client_id: str | None
    connection: int
    settle: Callable[["Outcome"], None]


class Stored(msgspec.Struct, frozen=True):
    """The draft is durable, now or (`duplicate`) since an earlier send with the same clientID."""

    message: Message
    duplicate: bool


class Refused(msgspec.Struct, frozen=True):
    """The draft was not stored (`conflict`, `unknown_user`), or nobody can tell (`unavailable`)."""

    code: Literal["conflict", "unknown_user", "unavailable"]


Outcome = Stored | Refused


class Batch(msgspec.Struct, frozen=True):
    """What one commit settled, drafts in the order in which they were appended.

    `recovered` holds messages found in the log after the outcome of an earlier commit was unknown:
    durable, never published, in log order, all below the numbers of this batch.
    """

    settled: list[tuple[Draft, Outcome]]
    recovered: list[Message]


class Conversation(msgspec.Struct, frozen=True):
    """One side's view of a conversation: the other user, the last seq, the latest messages ascending."""

    other: User
    seq: int
    messages: list[Message]


class Snapshot(msgspec.Struct, frozen=True):
    """What one user's roster looks like at one position of the log, from one read transaction.

    `conversations` come latest first. `users` are the other stored users to be shown beside them:
    everyone where the roster's limit allows it, else nobody.
    """

    position: int
    conversations: list[Conversation]
    users: list[User]
