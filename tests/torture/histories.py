"""Small histories, fed by hand: two users, three devices, and what each was told."""

from collections.abc import Sequence
from typing import Any

from tornadochat.torture.judge import Evidence, Fresh, Witness
from tornadochat.torture.ledger import Draft, Ledger, Message, Place
from tornadochat.torture.view import View

ANN, BEN, CLEO = "ann", "ben", "cleo"
MARKER = "m4rk3r"


def wire(message: Message, **more: Any) -> dict[str, Any]:
    """A message as the server writes it."""
    return {
        "content": message.content,
        "from": message.sender,
        "to": message.recipient,
        "id": message.id,
        "seq": message.seq,
        "at": message.at,
    } | more


def entry(
    user_id: str, messages: Sequence[Message] = (), connected: bool = True, **more: Any
) -> dict[str, Any]:
    """A line of the roster."""
    seq = messages[-1].seq if messages else 0
    line = {"userID": user_id, "connected": connected, "messages": [wire(m) for m in messages]}
    return line | {"unread": 0, "read": 0, "received": 0, "seq": seq} | more


class Run:
    """Ann writes three messages to Ben, from one device; Ben has two. All is well, until a test spoils it."""

    def __init__(self) -> None:
        self.ledger = Ledger(MARKER)
        self.messages = [self.write(number) for number in (1, 2, 3)]
        self.views = {name: self.view(user) for name, user in (("a", ANN), ("b1", BEN), ("b2", BEN))}
        for message in self.messages:
            self.views["a"].acknowledged(message)
            self.views["b1"].message(message)
            self.views["b2"].message(message)
        self.histories = {
            (door, me): list(self.messages) for door in ("raw", "websocket") for me in (ANN, BEN)
        }
        self.entries: dict[str, list[dict[str, Any]]] = {
            ANN: [entry(ANN), entry(BEN, self.messages)],
            BEN: [entry(BEN), entry(ANN, self.messages, unread=3)],
        }
        self.present = {ANN: True, BEN: True}

    def write(self, number: int, device: str = "a") -> Message:
        """One more message of Ann's, acknowledged."""
        content = f"{MARKER}-{number}"
        draft = Draft(device, ANN, BEN, f"c{number}", content)
        self.ledger.write(draft)
        self.ledger.acknowledge(draft, Place(str(number), number))
        return Message(str(number), number, ANN, BEN, content, 1000 + number)

    @staticmethod
    def view(user_id: str) -> View:
        """What a device knows that has just come."""
        view = View(user_id)
        view.snapshot([entry(ANN), entry(BEN)])
        return view

    def hear(self, name: str, *messages: Message) -> None:
        """In the place of all that was, this is what the device was told."""
        self.views[name] = self.view(BEN)
        for message in messages:
            self.views[name].message(message)

    def evidence(self, **more: Any) -> Evidence:
        """What there is for the judge."""
        fresh = [
            Fresh(door, me, self.entries[me], {BEN if me == ANN else ANN: messages})
            for (door, me), messages in self.histories.items()
        ]
        witnesses = [Witness(name, [view]) for name, view in self.views.items()]
        return Evidence(self.ledger, witnesses, fresh, self.present, **more)
