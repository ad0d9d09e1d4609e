"""Clients that lose and double nothing, however often the server goes away.

Senders keep a window of messages in flight and send again, with the same clientIDs, what was not
acknowledged when the link was lost. Receivers come back with the cursor of the last event they handled.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any

from tests.support.wire import WIRES, RawWire


class Peer:
    """A user that comes back as often as the link is lost."""

    def __init__(self, door: str, port: int, name: str) -> None:
        self._door = door
        self._port = port
        self._auth = {"username": name}
        self._lost = asyncio.Event()
        self._ready = asyncio.Event()
        self.user_id = ""
        self.violations: list[str] = []
        self.wire: RawWire

    async def live(self) -> None:
        """Connects, and again whenever the link is lost."""
        while True:
            self._lost.clear()
            self._ready.clear()
            wire = WIRES[self._door](self._event, self._reply, self._lost.set)
            with contextlib.suppress(OSError):
                await wire.connect(self._port, self._auth)
                self.wire = wire
                await self._lost.wait()
            await asyncio.sleep(0.02)

    async def ready(self) -> None:
        """Returns once signed in."""
        await self._ready.wait()

    def _event(self, name: str, data: Any) -> None:
        if name == "session":
            self.user_id = data["userID"]
            self._auth["sessionID"] = data["sessionID"]
            self._auth.pop("username", None)
        elif name == "ready":
            self._auth["since"] = data["cursor"]
            self._ready.set()
            self.returned()
        elif name == "private message":
            self._auth["since"] = data["cursor"]
            self.received(data)
        elif name == "reset":
            self.violations.append(f"reset: {data['reason']}")

    def returned(self) -> None:
        """Signed in, the first time or again."""

    def received(self, message: dict[str, Any]) -> None:
        """A message has come."""

    def _reply(self, number: int, reply: dict[str, Any]) -> None: ...


class Receiver(Peer):
    """Keeps what comes, in the order in which it comes."""

    def __init__(self, door: str, port: int, name: str) -> None:
        super().__init__(door, port, name)
        self.contents: list[str] = []
        self.seqs: list[int] = []

    def received(self, message: dict[str, Any]) -> None:
        self.contents.append(message["content"])
        self.seqs.append(message["seq"])


class Sender(Peer):
    """Sends numbered messages, a window at a time, until all are acknowledged."""

    def __init__(self, door: str, port: int, name: str, to: Receiver, *, messages: int, window: int) -> None:
        super().__init__(door, port, name)
        self._to = to
        self._messages = messages
        self._window = window
        self._in_flight: set[int] = set()
        self._next = 0
        self.acknowledged: dict[int, int] = {}
        self.resent = 0

    def returned(self) -> None:
        # In the order of the first send: a window may have been stored in part, from its beginning.
        for number in sorted(self._in_flight):
            self.resent += 1
            self._send(number)
        self._fill()

    def _fill(self) -> None:
        while len(self._in_flight) < self._window and self._next < self._messages:
            self._in_flight.add(self._next)
            self._send(self._next)
            self._next += 1

    def _send(self, number: int) -> None:
        data = {"to": self._to.user_id, "content": f"message {number}", "clientID": f"c{number}"}
        self.wire.command(number, "private message", data)

    def _reply(self, number: int, reply: dict[str, Any]) -> None:
        if "error" in reply:
            if not reply["error"]["retryable"]:
                self.violations.append(f"refused: {reply['error']['code']}")
            return
        self._in_flight.discard(number)
        seq = self.acknowledged.setdefault(number, reply["data"]["seq"])
        if seq != reply["data"]["seq"]:
            self.violations.append(f"one message was acknowledged as {seq} and {reply['data']['seq']}")
        self._fill()


class Pairs:
    """Senders and receivers of one door, each pair with a conversation of its own; alive in `async with`."""

    def __init__(self, door: str, port: int, *, pairs: int, messages: int, window: int) -> None:
        self._each = messages
        self.receivers = [Receiver(door, port, f"receiver {n}") for n in range(pairs)]
        self.senders = [
            Sender(door, port, f"sender {n}", receiver, messages=messages, window=window)
            for n, receiver in enumerate(self.receivers)
        ]
        self._lives: list[asyncio.Task[None]] = []

    @property
    def peers(self) -> Sequence[Peer]:
        """All of them."""
        return [*self.senders, *self.receivers]

    @property
    def acknowledged(self) -> int:
        """How many messages, so far."""
        return sum(len(sender.acknowledged) for sender in self.senders)

    @property
    def resent(self) -> int:
        """How often a message was sent again."""
        return sum(sender.resent for sender in self.senders)

    async def __aenter__(self) -> "Pairs":
        self._lives += [asyncio.ensure_future(peer.live()) for peer in self.receivers]
        await asyncio.gather(*(receiver.ready() for receiver in self.receivers))
        self._lives += [asyncio.ensure_future(peer.live()) for peer in self.senders]
        await asyncio.gather(*(sender.ready() for sender in self.senders))
        return self

    async def __aexit__(self, *_: object) -> None:
        for life in self._lives:
            life.cancel()
        for peer in self.peers:
            peer.wire.cut()
        await asyncio.sleep(0.05)

    async def reached(self, count: int) -> None:
        """Returns when so many messages are acknowledged."""
        while self.acknowledged < count:
            await asyncio.sleep(0)

    async def done(self) -> None:
        """Returns when everything is acknowledged and has come, and a moment later; or is wrong already."""
        total = len(self.senders) * self._each
        while not any(peer.violations for peer in self.peers):
            if self.acknowledged == total and all(len(one.seqs) >= self._each for one in self.receivers):
                break
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)

    def faults(self) -> list[str]:
        """What was lost, doubled or reordered; nothing, if all is as it should be."""
        found = [violation for peer in self.peers for violation in peer.violations]
        for receiver in self.receivers:
            if receiver.seqs != list(range(1, self._each + 1)):
                found.append(f"a receiver got the seqs {_brief(receiver.seqs)}")
            if receiver.contents != [f"message {number}" for number in range(self._each)]:
                found.append("a receiver got other messages, or in another order")
        for sender in self.senders:
            if sender.acknowledged != {number: number + 1 for number in range(self._each)}:
                found.append("a sender was told other seqs")
        return found


def _brief(seqs: list[int]) -> str:
    wrong = [(at, seq) for at, seq in enumerate(seqs, 1) if at != seq]
    return f"{len(seqs)} in all, out of place from {wrong[0] if wrong else 'the end'}"
