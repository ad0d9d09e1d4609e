"""The wire schema of both doors: what commands take, what replies and events carry.

These types validate every frame that comes in, encode every frame that goes out, and generate the
contract that `/protocol.json` serves (`tornadochat.contract`). No I/O, and nothing here knows a
transport. Field names follow the Socket.IO guide "private messaging".
"""

from typing import Annotated, Final, Literal, NamedTuple

import msgspec
from msgspec import Meta, Struct, field

from tornadochat.errors import ErrorEvent
from tornadochat.models import Mark, Message, Millis

HISTORY_PAGE_MAX: Final = 200
USERS_PAGE_MAX: Final = 200
PAGE_DEFAULT: Final = 50
EVENT_BYTES_MAX: Final = 512 * 1024
"""No frame of the server exceeds this: some clients refuse 1 MiB."""
USERS_EVENT_BYTES_MAX: Final = 256 * 1024

# JavaScript's largest exact integer: every client can hold what the server accepts.
Seq = Annotated[int, Meta(ge=0, le=2**53 - 1, description="a place in a conversation: 1, 2, 3 …")]
UserID = Annotated[str, Meta(min_length=1, max_length=64, description="a user's public, opaque id")]
ClientID = Annotated[
    str, Meta(min_length=1, max_length=64, description="the sender's own name for a message")
]
HistoryLimit = Annotated[int, Meta(ge=1, le=HISTORY_PAGE_MAX)]
UsersLimit = Annotated[int, Meta(ge=1, le=USERS_PAGE_MAX)]


class Payload(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """What a command takes: exactly these fields, nothing else."""


class ConnectData(Payload, frozen=True, forbid_unknown_fields=True, gc=False):
    """How a connection signs in: a new user by name, or a known session by its secret."""

    username: str | None = None
    sessionID: str | None = None
    since: str | None = None


class PrivateMessage(Payload, frozen=True, forbid_unknown_fields=True, gc=False):
    """Send a message to one user; with a clientID it is stored once, however often it is sent."""

    to: UserID
    content: Annotated[str, Meta(min_length=1)]
    clientID: ClientID | None = None


class History(Payload, frozen=True, forbid_unknown_fields=True, gc=False):
    """A page of a conversation, ascending; `before` and `after` are exclusive seqs."""

    with_: UserID = field(name="with")
    before: Seq | None = None
    after: Seq | None = None
    limit: HistoryLimit = PAGE_DEFAULT


class Received(Payload, frozen=True, forbid_unknown_fields=True, gc=False):
    """The messages of a conversation up to this seq have arrived where the user can see them."""

    with_: UserID = field(name="with")
    seq: Seq


class Read(Payload, frozen=True, forbid_unknown_fields=True, gc=False):
    """The messages up to this seq have been read; `private`: the other side is not to know."""

    with_: UserID = field(name="with")
    seq: Seq
    private: bool | None = None


class Typing(Payload, frozen=True, forbid_unknown_fields=True, gc=False):
    """The user is writing to this one: to be repeated while it goes on."""

    to: UserID


class Users(Payload, frozen=True, forbid_unknown_fields=True, gc=False):
    """A page of all people, by name; `query` is a prefix of the name, `after` the previous `next`."""

    query: Annotated[str, Meta(max_length=100)] | None = None
    after: Annotated[str, Meta(max_length=512)] | None = None
    limit: UsersLimit = PAGE_DEFAULT


class Sessions(Payload, frozen=True, forbid_unknown_fields=True, gc=False):
    """One's own sessions."""


class Revoke(Payload, frozen=True, forbid_unknown_fields=True, gc=False):
    """End sessions of one's own: one by its public id, all others, or all."""

    id: Annotated[str, Meta(min_length=1, max_length=64)] | None = None
    others: Literal[True] | None = None
    all: Literal[True] | None = None


class Logout(Payload, frozen=True, forbid_unknown_fields=True, gc=False):
    """End this session."""


class MessageData(Struct, frozen=True, omit_defaults=True, gc=False):
    """A message as lists carry it: in `users` and in the reply to `history`."""

    content: str
    from_: str = field(name="from")
    to: str
    id: str
    seq: int
    at: Millis

    @classmethod
    def of(cls, message: Message) -> "MessageData":
        """The wire form of a stored message."""
        return cls(
            content=message.content,
            from_=message.sender,
            to=message.recipient,
            id=message.id,
            seq=message.seq,
            at=message.at,
        )


class MessageEvent(Struct, frozen=True, omit_defaults=True, gc=False):
    """The event `private message`: a message, and the cursor to resume from once it is handled."""

    content: str
    from_: str = field(name="from")
    to: str
    id: str
    seq: int
    at: Millis
    cursor: str
    clientID: str | None = None


class ReceivedEvent(Struct, frozen=True, gc=False):
    """The event `received`: what was sent to `from` has arrived up to this seq."""

    from_: str = field(name="from")
    with_: str = field(name="with")
    seq: int
    cursor: str

    @classmethod
    def of(cls, mark: Mark, cursor: str) -> "ReceivedEvent":
        """The wire form of a mark of the log."""
        return cls(from_=mark.sender, with_=mark.recipient, seq=mark.seq, cursor=cursor)


class ReadEvent(Struct, frozen=True, omit_defaults=True, gc=False):
    """The event `read`, which implies `received`; `unread` comes with one's own mark only."""

    from_: str = field(name="from")
    with_: str = field(name="with")
    seq: int
    cursor: str
    unread: int | None = None

    @classmethod
    def of(cls, mark: Mark, cursor: str) -> "ReadEvent":
        """The wire form of a mark of the log."""
        return cls(from_=mark.sender, with_=mark.recipient, seq=mark.seq, cursor=cursor, unread=mark.unread)


class TypingEvent(Struct, frozen=True, gc=False):
    """Somebody is writing to the user, and is taken to be until then if nothing more is heard."""

    from_: str = field(name="from")
    until: Millis


class MessageReply(Struct, frozen=True, gc=False):
    """The message is durable; `duplicate` when an earlier send with this clientID had stored it."""

    id: str
    seq: int
    at: Millis
    duplicate: bool


class HistoryReply(Struct, frozen=True):
    """`more`: there is more in the direction of the page."""

    messages: list[MessageData]
    more: bool


class Person(Struct, frozen=True):
    """A user in the reply to `users`."""

    userID: str
    username: str
    connected: bool


class UsersReply(Struct, frozen=True):
    """`next` goes into the next command's `after`; null at the end."""

    users: list[Person]
    next: str | None


class SessionInfo(Struct, frozen=True):
    """One of one's own sessions; `id` is public, for `revoke`; `current` marks the asking one."""

    id: str
    created: Millis
    seen: Millis
    door: Literal["socketio", "raw"]
    current: bool


class Empty(Struct, frozen=True, gc=False):
    """A reply that says only: done."""


class SessionEvent(Struct, frozen=True):
    """Who one is. Keep `sessionID` secret: it signs in again."""

    sessionID: str
    userID: str
    username: str


class Entry(Struct, frozen=True):
    """A user in the event `users`: presence, and the conversation's last messages, ascending.

    `unread` counts their messages above one's own read mark, `read` and `received` are how far they
    have come, `seq` is the conversation's last message (0: none).
    """

    userID: str
    username: str
    connected: bool
    messages: list[MessageData]
    unread: int
    read: int
    received: int
    seq: int


class Presence(Struct, frozen=True):
    """The event `user connected`; `connected` is false when it only introduces an absent person."""

    userID: str
    username: str
    connected: bool
    messages: list[MessageData]


class Ready(Struct, frozen=True):
    """All that was missed has been sent; from now on events come as they happen."""

    cursor: str


ResetReason = Literal["malformed", "epoch", "future", "expired"]


class Reset(Struct, frozen=True):
    """What the client holds is no base to continue from; the full snapshot follows."""

    reason: ResetReason


class Command(NamedTuple):
    """A row of the command table. `silent`: it may be sent without asking for its reply."""

    name: str
    data: type[Payload]
    reply: object
    silent: bool


COMMANDS: Final = (
    Command("private message", PrivateMessage, MessageReply, silent=True),
    Command("received", Received, Empty, silent=True),
    Command("read", Read, Empty, silent=True),
    Command("typing", Typing, Empty, silent=True),
    Command("history", History, HistoryReply, silent=False),
    Command("users", Users, UsersReply, silent=False),
    Command("sessions", Sessions, list[SessionInfo], silent=False),
    Command("revoke", Revoke, Empty, silent=True),
    Command("logout", Logout, Empty, silent=True),
)


class EventType(NamedTuple):
    """A row of the event table. `durable`: it is in the log, carries a cursor and is replayed."""

    name: str
    data: object
    durable: bool


EVENTS: Final = (
    EventType("session", SessionEvent, durable=False),
    EventType("reset", Reset, durable=False),
    EventType("users", list[Entry], durable=False),
    EventType("user connected", Presence, durable=False),
    EventType("user disconnected", UserID, durable=False),
    EventType("private message", MessageEvent, durable=True),
    EventType("received", ReceivedEvent, durable=True),
    EventType("read", ReadEvent, durable=True),
    EventType("typing", TypingEvent, durable=False),
    EventType("ready", Ready, durable=False),
    EventType("error", ErrorEvent, durable=False),
)


def format_cursor(epoch: str, number: int) -> str:
    """A position of the log as clients hold it: opaque to them."""
    return f"{epoch}.{number}"


def parse_cursor(cursor: str) -> tuple[str, int]:
    """The epoch and the number of a cursor. Raises ValueError when it is none of ours."""
    epoch, _, digits = cursor.partition(".")
    if not epoch or not digits.isascii() or not digits.isdecimal() or len(digits) > 18:
        raise ValueError("not a cursor")
    return epoch, int(digits)


encode: Final = msgspec.json.Encoder().encode
