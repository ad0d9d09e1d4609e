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


class User(msgspec.Struct, frozen=True, gc=False):
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


class Message(msgspec.Struct, frozen=True, gc=False):
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

    @property
    def audience(self) -> tuple[str, ...]:
        """Who may know of it: both sides, oneself once."""
        return (self.sender,) if self.sender == self.recipient else (self.sender, self.recipient)

    def other(self, user_id: str) -> str:
        """The other side of the conversation, seen from `user_id`; oneself in a message to oneself."""
        return self.recipient if user_id == self.sender else self.sender


MarkKind = Literal["received", "read"]
"""What a mark says of the messages up to its seq. What was read has been received, too."""


class Mark(msgspec.Struct, frozen=True):
    """How far `sender` has come in the conversation with `recipient`, as `viewer`, one of the two, may know.

    The two views differ, since one may read without the other's knowledge. `number` and `connection`
    are as in Message; of a viewer, a sender, a recipient and a kind the log keeps the latest only.
    `unread`, in the view of one's own reading: how many of the other's messages were above `seq`.
    """

    number: int
    viewer: str
    sender: str
    recipient: str
    kind: MarkKind
    seq: int
    connection: int
    unread: int | None = None

    @property
    def audience(self) -> tuple[str, ...]:
        """Who may know of it: the viewer alone."""
        return (self.viewer,)

    def other(self, user_id: str) -> str:
        """The other side of the conversation, as in Message."""
        return self.recipient if user_id == self.sender else self.sender


Logged = Message | Mark
"""What the log holds."""


class Draft(msgspec.Struct, eq=False, gc=False):
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


class Marking(msgspec.Struct, eq=False, gc=False):
    """A mark on its way into the store: `sender` tells `recipient` how far the conversation has come.

    `seq` may be beyond the conversation's end, and is cut to it. `private`, of what was read: the
    recipient is to know no more than that it was received. `settle` is as in Draft.
    """

    sender: User
    recipient: User
    kind: MarkKind
    seq: int
    private: bool
    connection: int
    settle: Callable[["Outcome"], None]


Appended = Draft | Marking
"""What is given to the store to be logged."""


class Stored(msgspec.Struct, frozen=True, gc=False):
    """The draft is durable, now or (`duplicate`) since an earlier send with the same clientID."""

    message: Message
    duplicate: bool


class Marked(msgspec.Struct, frozen=True):
    """The marking is durable: what it moved, in no more than one view each; nothing if it is old news."""

    marks: tuple[Mark, ...]


class Refused(msgspec.Struct, frozen=True):
    """It was not stored (`conflict`, `unknown_user`), or nobody can tell (`unavailable`)."""

    code: Literal["conflict", "unknown_user", "unavailable"]


Outcome = Stored | Marked | Refused


class Batch(msgspec.Struct, frozen=True):
    """What one commit settled, in the order in which it was appended.

    `recovered` holds messages found in the log after the outcome of an earlier commit was unknown:
    durable, never published, in log order, all below the numbers of this batch.
    """

    settled: list[tuple[Appended, Outcome]]
    recovered: list[Logged]


class Conversation(msgspec.Struct, frozen=True):
    """One side's view of a conversation: the other user, the last seq, the latest messages ascending.

    `unread` counts the other's messages above one's own read mark; `read` and `received` are how far
    the other has come.
    """

    other: User
    seq: int
    messages: list[Message]
    unread: int = 0
    read: int = 0
    received: int = 0


class Snapshot(msgspec.Struct, frozen=True):
    """What one user's roster looks like at one position of the log, from one read transaction.

    `conversations` come latest first. `users` are the other stored users to be shown beside them:
    everyone where the roster's limit allows it, else nobody.
    """

    position: int
    conversations: list[Conversation]
    users: list[User]
