"""Events: facts on their way to clients, encoded once for all who receive them."""

from collections.abc import Callable
from typing import Any, Final, TypeVar

from msgspec.structs import asdict

from tornadochat.errors import ChatError, ErrorEvent
from tornadochat.models import Logged, Mark, Message, Millis, User
from tornadochat.protocol import (
    Entry,
    MessageEvent,
    Presence,
    ReadEvent,
    Ready,
    ReceivedEvent,
    Reset,
    ResetReason,
    SessionEvent,
    TypingEvent,
    encode,
)
from tornadochat.protocol import format_cursor as _cursor

COMMAND_LONGEST: Final = 64
"""How much of the name of a command an error repeats, in characters."""

F = TypeVar("F", str, bytes)
Encoder = Callable[[str, bytes], F]
"""How a door wraps an event: its name and the JSON of its data, to what it sends."""


class Event:
    """A name and data. Its JSON is made once, its frame once per door, however many receive it."""

    __slots__ = ("_frames", "_json", "data", "name")

    def __init__(self, name: str, data: Any) -> None:
        self.name = name
        self.data = data
        self._json: bytes | None = None
        self._frames: dict[Encoder[Any], Any] = {}

    @property
    def json(self) -> bytes:
        """The data as JSON."""
        if self._json is None:
            self._json = encode(self.data)
        return self._json

    def frame(self, encoder: Encoder[F]) -> F:
        """The event as one door sends it."""
        frame: F | None = self._frames.get(encoder)
        if frame is None:
            frame = self._frames[encoder] = encoder(self.name, self._json or self.json)
        return frame


class LogEvent(Event):
    """An event of the log: its number, which connection caused it, and whom it concerns.

    `audience` are the ids of those of the two, `sender` and `recipient`, who may know of it.
    """

    __slots__ = ("audience", "connection", "number", "recipient", "sender")

    def __init__(self, name: str, data: Any, logged: Logged, sender: User, recipient: User) -> None:
        # As Event does it; a call less for every message.
        self.name = name
        self.data = data
        self._json = None
        self._frames = {}
        self.number = logged.number
        self.connection = logged.connection
        self.audience = logged.audience
        self.sender = sender
        self.recipient = recipient

    def other(self, user_id: str) -> User:
        """The other person of the conversation, seen from `user_id`."""
        return self.recipient if user_id == self.sender.id else self.sender


def message(message: Message, sender: User, recipient: User, epoch: str) -> LogEvent:
    """A message, for both of the two."""
    number = message.number
    data = MessageEvent(
        message.content,
        sender.id,
        recipient.id,
        str(number),
        message.seq,
        message.at,
        _cursor(epoch, number),
        message.client_id,
    )
    return LogEvent("private message", data, message, sender, recipient)


def mark(mark: Mark, sender: User, recipient: User, epoch: str) -> LogEvent:
    """How far `sender` has come, for the one of the two whose view of it this is."""
    wire = ReadEvent if mark.kind == "read" else ReceivedEvent
    return LogEvent(mark.kind, wire.of(mark, _cursor(epoch, mark.number)), mark, sender, recipient)


def typing(user: User, until: Millis) -> Event:
    """Somebody is writing to whom this is sent."""
    return Event("typing", TypingEvent(from_=user.id, until=until))


def session(secret: str, user: User) -> Event:
    """Tells a connection who it is; the only event that carries a secret."""
    return Event("session", SessionEvent(sessionID=secret, userID=user.id, username=user.username))


def users(entries: list[Entry]) -> Event:
    """The snapshot of the roster."""
    return Event("users", entries)


def presence(user: User, connected: bool) -> Event:
    """`user connected`: someone is there, or (`connected` false) is introduced while away."""
    return Event("user connected", Presence(user.id, user.username, connected, []))


def presence_change(user: User, connected: bool) -> Event:
    """Someone came, or left: `user disconnected` is a bare userID, as the guide has it."""
    return presence(user, True) if connected else Event("user disconnected", user.id)


def ready(epoch: str, number: int) -> Event:
    """The replay is over."""
    return Event("ready", Ready(_cursor(epoch, number)))


def reset(reason: ResetReason) -> Event:
    """The client's cursor cannot be honoured."""
    return Event("reset", Reset(reason))


def error(failure: ChatError, command: str | None = None) -> Event:
    """A refusal that no reply can carry. Of the client's own text it repeats no more than it must."""
    if command is not None:
        command = command[:COMMAND_LONGEST].encode(errors="replace").decode()
    return Event("error", ErrorEvent(**asdict(failure.wire()), command=command))
