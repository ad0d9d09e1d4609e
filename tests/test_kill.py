"""kill -9 at any moment: what was acknowledged is there, once, and in order.

Senders keep a window of messages in flight and send again, with the same clientIDs, what was not
acknowledged when the server died. Receivers come back with the cursor of the last event they handled.
"""

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ExpectLog
from tests.support.process import ServerProcess
from tests.support.wire import WIRES, RawWire

PAIRS = 4
MESSAGES = 2_500
WINDOW = 64
KILLS = 20
PATIENCE = 150.0


class Peer:
    """A user that comes back as often as the link is lost."""

    def __init__(self, door: str, port: int, name: str) -> None:
        self._door = door
        self._port = port
        self._auth = {"username": name}
        self._lost = asyncio.Event()
        self._ready = asyncio.Event()
        self.user_id = ""
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
        assert name != "reset", data

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

    def __init__(self, door: str, port: int, name: str, to: Receiver) -> None:
        super().__init__(door, port, name)
        self._to = to
        self._in_flight: set[int] = set()
        self._next = 0
        self.acknowledged: dict[int, int] = {}
        self.resent = 0
        self.done = asyncio.Event()

    def returned(self) -> None:
        # In the order of the first send: a window may have been stored in part, from its beginning.
        for number in sorted(self._in_flight):
            self.resent += 1
            self._send(number)
        self._fill()

    def _fill(self) -> None:
        while len(self._in_flight) < WINDOW and self._next < MESSAGES:
            self._in_flight.add(self._next)
            self._send(self._next)
            self._next += 1

    def _send(self, number: int) -> None:
        data = {"to": self._to.user_id, "content": f"message {number}", "clientID": f"c{number}"}
        self.wire.command(number, "private message", data)

    def _reply(self, number: int, reply: dict[str, Any]) -> None:
        if "error" in reply:
            assert reply["error"]["retryable"], reply
            return
        self._in_flight.discard(number)
        seq = self.acknowledged.setdefault(number, reply["data"]["seq"])
        assert seq == reply["data"]["seq"], "the same message was acknowledged under two seqs"
        self._fill()
        if len(self.acknowledged) == MESSAGES:
            self.done.set()


@pytest.mark.gen_test(timeout=PATIENCE + 10)
@pytest.mark.parametrize("door", WIRES)
async def test_twenty_kills_lose_double_and_reorder_nothing(
    door: str, tmp_path: Path, expect_log: ExpectLog
) -> None:
    # asyncio's line about the senders of this test, who go on writing for a moment when the server is dead.
    expect_log(r"socket\.send\(\) raised exception", required=False)
    server = ServerProcess(tmp_path)
    await server.start()
    receivers = [Receiver(door, server.port, f"receiver {n}") for n in range(PAIRS)]
    senders = [Sender(door, server.port, f"sender {n}", receiver) for n, receiver in enumerate(receivers)]
    lives = [asyncio.ensure_future(peer.live()) for peer in receivers]
    await asyncio.gather(*(receiver.ready() for receiver in receivers))
    lives += [asyncio.ensure_future(peer.live()) for peer in senders]
    try:
        async with asyncio.timeout(PATIENCE):
            await _kill_on_the_way(server, senders)
            await asyncio.gather(*(sender.done.wait() for sender in senders))
            while any(len(receiver.seqs) < MESSAGES for receiver in receivers):
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
    finally:
        for life in lives:
            life.cancel()
        for peer in (*senders, *receivers):
            peer.wire.cut()
        await asyncio.sleep(0.05)
        await server.stop()
    for receiver in receivers:
        assert receiver.seqs == list(range(1, MESSAGES + 1))
        assert receiver.contents == [f"message {number}" for number in range(MESSAGES)]
    for sender in senders:
        assert sender.acknowledged == {number: number + 1 for number in range(MESSAGES)}
    assert sum(sender.resent for sender in senders) > 0, "no kill met a message in flight"


async def _kill_on_the_way(server: ServerProcess, senders: list[Sender]) -> None:
    total = PAIRS * MESSAGES
    for kill in range(1, KILLS + 1):
        while sum(len(sender.acknowledged) for sender in senders) < kill * total // (KILLS + 1):
            await asyncio.sleep(0)
        await server.kill()
        await server.start()
