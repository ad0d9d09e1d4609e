"""What one device knows, built from what it is sent exactly as docs/PROTOCOL.md tells client authors.

Pure. A view begins with a snapshot; a device that forgets everything begins another one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tornadochat.torture.ledger import Message

Data = Any


@dataclass(slots=True)
class Conversation:
    """One conversation. `events` is what came as events, `held` all that is known, by seq.

    `base` is where the first snapshot left off, `floor` the first seq that should be held.
    """

    base: int = 0
    floor: int = 1
    seq: int = 0
    unread: int = 0
    read: int = 0
    received: int = 0
    own: int = 0
    counted: int = 0
    held: dict[int, Message] = field(default_factory=dict)
    events: list[Message] = field(default_factory=list)

    def unread_above(self, seq: int, user_id: str) -> int:
        """How many of the other's messages are held above this one."""
        return sum(1 for at, message in self.held.items() if at > seq and message.sender != user_id)


class View:
    """All that a device knows of people and conversations. `clashes`: two messages in one place."""

    def __init__(self, user_id: str) -> None:
        self.user_id = user_id
        self.people: dict[str, bool] = {}
        self.conversations: dict[str, Conversation] = {}
        self.clashes: list[tuple[Message, Message]] = []
        self.changes: list[str] = []
        """Who came or went, one entry for each event."""
        self.whole = True
        """Whether it knows its conversations from their first message on."""
        self._begun = False

    def snapshot(self, entries: Iterable[Mapping[str, Data]]) -> None:
        """The event `users`: sets, never adds."""
        self.people = {}
        for entry in entries:
            self.people[entry["userID"]] = entry["connected"]
            known = self._with(entry["userID"])
            known.seq = max(known.seq, entry["seq"])
            known.counted = entry["seq"]
            known.unread, known.read, known.received = entry["unread"], entry["read"], entry["received"]
            messages = [Message.of(data) for data in entry["messages"]]
            for message in messages:
                self._hold(known, message)
            if not self._begun:
                known.base = entry["seq"]
                known.floor = messages[0].seq if messages else entry["seq"] + 1
                self.whole = self.whole and known.floor <= 1
        self._begun = True

    def presence(self, user_id: str, connected: bool) -> None:
        """The events `user connected` and `user disconnected`."""
        self.people[user_id] = connected
        self.changes.append(user_id)

    def message(self, message: Message) -> None:
        """The event `private message`."""
        known = self._with(message.other(self.user_id))
        known.events.append(message)
        if self._hold(known, message) and message.sender != self.user_id and message.seq > known.counted:
            known.unread += 1

    def acknowledged(self, message: Message) -> None:
        """The reply to one's own message."""
        self._hold(self._with(message.recipient), message)

    def mark(self, kind: str, data: Mapping[str, Data]) -> None:
        """The events `received` and `read`."""
        seq: int = data["seq"]
        if data["from"] != self.user_id:
            known = self._with(data["from"])
            known.received = max(known.received, seq)
            if kind == "read":
                known.read = max(known.read, seq)
        elif kind == "read" and data["with"] != self.user_id:
            known = self._with(data["with"])
            if seq >= known.own:
                known.own, known.unread = seq, data["unread"]

    def reads(self, other: str, seq: int) -> None:
        """This device has marked a conversation as read, of which it gets no event: it counts itself."""
        known = self._with(other)
        known.own = max(known.own, seq)
        known.unread = known.unread_above(known.own, self.user_id)

    def newest(self, other: str) -> int:
        """The last seq that is held of a conversation; 0 if none is."""
        known = self.conversations.get(other)
        return max(known.held, default=0) if known else 0

    def _with(self, other: str) -> Conversation:
        return self.conversations.setdefault(other, Conversation())

    def _hold(self, known: Conversation, message: Message) -> bool:
        """Puts a message in its place; whether it was new."""
        there = known.held.setdefault(message.seq, message)
        if there != message:
            self.clashes.append((there, message))
        known.seq = max(known.seq, message.seq)
        return there is message
