"""What happened: every message written, every reply, and what came to somebody whom it was not for.

Pure: no I/O, no clock. The judge reads it afterwards.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

Data = Any
Pair = tuple[str, str]
"""The members of a conversation, in the order of their userIDs."""

KEPT: Final = 100
"""So many leaks and complaints are kept in full: one fault may cause a great many."""


def pair(one: str, other: str) -> Pair:
    """The conversation of these two."""
    return (one, other) if one <= other else (other, one)


class Message(NamedTuple):
    """A message as a client was told of it, by an event, a list or a reply."""

    id: str
    seq: int
    sender: str
    recipient: str
    content: str
    at: int

    @classmethod
    def of(cls, data: Mapping[str, Data]) -> "Message":
        """From the wire."""
        return cls(data["id"], data["seq"], data["from"], data["to"], data["content"], data["at"])

    @property
    def pair(self) -> Pair:
        """The conversation it is of."""
        return pair(self.sender, self.recipient)

    def other(self, user_id: str) -> str:
        """The other member; oneself in a conversation with oneself."""
        return self.recipient if self.sender == user_id else self.sender


class Place(NamedTuple):
    """What a reply says of a message."""

    id: str
    seq: int


@dataclass(slots=True)
class Draft:
    """A message as its device wrote it; its content is in no other. `places`: what the replies said."""

    device: str
    sender: str
    recipient: str
    client_id: str
    content: str
    places: set[Place] = field(default_factory=set)
    wavered: bool = False
    """It was put off by an error once, so what was written after it may have been stored before it."""

    @property
    def pair(self) -> Pair:
        """The conversation it is for."""
        return pair(self.sender, self.recipient)


class Ledger:
    """The record of one run. `marker` is a word that is in every content and nowhere else."""

    def __init__(self, marker: str) -> None:
        self.marker = marker
        self.drafts: dict[str, Draft] = {}
        self.typed: set[tuple[str, str]] = set()
        self.leaks: list[str] = []
        self.leaked = 0
        self.complaints: list[str] = []
        self.acknowledged = 0
        self.resent = 0
        self.events = 0

    def write(self, draft: Draft) -> None:
        """A device has written this, and will send it until it is acknowledged."""
        self.drafts[draft.content] = draft

    def acknowledge(self, draft: Draft, place: Place) -> None:
        """A reply has come."""
        if not draft.places:
            self.acknowledged += 1
        draft.places.add(place)

    def complain(self, text: str) -> None:
        """Something happened that may not: a refusal of what was right, a reset, a final close."""
        if len(self.complaints) < KEPT:
            self.complaints.append(text)

    def hear(self, device: str, user_id: str, name: str, data: Data) -> None:
        """An event has come to this user: it may concern nobody but its members."""
        self.events += 1
        match name:
            case "private message":
                self.heed(device, user_id, data)
            case "received" | "read":
                if user_id not in (data["from"], data["with"]):
                    self._leak(f"{device}: {name} of {data['from']} and {data['with']}")
            case "typing":
                if (data["from"], user_id) not in self.typed:
                    self._leak(f"{device}: typing of {data['from']}, who never wrote to them")
            case "users":
                for message in (message for entry in data for message in entry["messages"]):
                    self.heed(device, user_id, message)

    def heed(self, device: str, user_id: str, data: Mapping[str, Data]) -> None:
        """A message has come to this user: both what it says of itself and who wrote it must allow that."""
        draft = self.drafts.get(data["content"])
        members = {data["from"], data["to"]}
        if user_id not in members or (draft is not None and user_id not in draft.pair):
            self._leak(f"{device}: message {data['id']} of {' and '.join(sorted(members))}")

    def overhear(self, who: str, text: str) -> None:
        """Somebody whom no message of this run is for was sent this."""
        if self.marker in text:
            self._leak(f"{who}: {text[:200]!r}")

    def _leak(self, text: str) -> None:
        self.leaked += 1
        if len(self.leaks) < KEPT:
            self.leaks.append(text)
