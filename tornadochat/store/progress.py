"""How far somebody has come in a conversation: what a marking moves, and what is unread."""

from typing import TypeVar

import msgspec

from tornadochat.models import Marking, MarkKind

Key = TypeVar("Key", int, str)


class Progress(msgspec.Struct):
    """How far one side has come: as it knows itself, and (`shown`) what the other may know as read."""

    received: int = 0
    read: int = 0
    shown: int = 0

    def advance(self, marking: Marking, seq: int) -> tuple[MarkKind | None, MarkKind | None]:
        """Go on to a seq that exists; what of it each side is told, if anything: one's own, the other's."""
        own: MarkKind | None = None
        theirs: MarkKind | None = None
        received = seq > self.received
        if marking.kind == "received":
            own = theirs = "received" if received else None
        else:
            own = "read" if seq > self.read else None
            self.read = max(self.read, seq)
            if marking.private:
                theirs = "received" if received else None
            else:
                theirs = "read" if seq > self.shown else None
                self.shown = max(self.shown, seq)
        self.received = max(self.received, seq)
        return own, theirs


def unread(user: Key, other: Key, messages: int, lows: int) -> int:
    """How many of so many messages, so many of which are by the lesser of the two, are the other's."""
    if user == other:
        return 0
    return lows if other < user else messages - lows
