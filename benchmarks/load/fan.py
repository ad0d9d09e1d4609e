"""One who writes to somebody with very many connections: what a delivery costs."""

import asyncio
import time
from collections.abc import Callable

from benchmarks.load.check import SIZE, Faults, Reader, Stream
from benchmarks.load.link import Door, Link, content_of, open_all
from benchmarks.load.meter import Meter, Sample, percentiles
from benchmarks.servers import Running

END_SECONDS = 15.0


class Listener(Link):
    """One of the many connections of the recipient."""

    def __init__(
        self, door: Door, auth: dict[str, str], ready_on: str, reader: Reader, heard: Callable[[float], None]
    ) -> None:
        super().__init__(door, auth, ready_on)
        self.reader = reader
        self._heard = heard

    def on_message(self, frame: bytes) -> None:
        """Checks it."""
        self._heard(self.reader.take(content_of(frame, SIZE)))


class Fan:
    """Sends a message whenever all have the one before."""

    def __init__(self, running: Running, faults: Faults, door: Door) -> None:
        self.delivered = 0
        self.delays: list[float] = []
        self._running = running
        self._faults = faults
        self._door = door
        self._stream = Stream("fan")
        self._sending = True
        self._listeners: list[Listener] = []
        ready_on = running.server.ready_on
        self._sender = Link(door, {"username": "sender"}, ready_on)
        self._first = self._listener({"username": "everywhere"})

    def _listener(self, auth: dict[str, str]) -> Listener:
        reader = Reader(self._stream, self._faults)
        return Listener(self._door, auth, self._running.server.ready_on, reader, self._heard)

    async def begin(self, connections: int) -> None:
        """Connects everyone, all but the first as further connections of the same user."""
        port = self._running.port
        await self._sender.open(port)
        await self._first.open(port)
        auth = {"sessionID": self._first.session["sessionID"]}
        self._listeners = [self._first, *(self._listener(auth) for _ in range(connections - 1))]
        await open_all(list(self._listeners[1:]), port)
        self._say()

    async def end(self) -> None:
        """Waits for what is on its way, and counts what does not come."""
        self._sending = False
        for _ in range(int(END_SECONDS * 20)):
            if all(listener.reader.complete for listener in self._listeners):
                break
            await asyncio.sleep(0.05)
        for listener in self._listeners:
            listener.reader.end()
            self._faults["connections lost"] += listener.lost
            listener.leave()
        self._sender.leave()

    def _say(self) -> None:
        to, content = self._first.session["userID"].encode(), self._stream.next(time.perf_counter())
        data = b'{"to":"%b","content":"%b"}' % (to, content)
        if self._door == "raw":
            self._sender.send(b'{"event":"private message","data":%b}' % data)
        else:
            self._sender.send(b'42["private message",%b]' % data)

    def _heard(self, due: float) -> None:
        self.delivered += 1
        self.delays.append(time.perf_counter() - due)
        if self._sending and not self.delivered % len(self._listeners):
            self._say()


async def fan_out(
    running: Running, faults: Faults, door: Door, *, connections: int, warm_up: float, seconds: float
) -> Sample:
    """The cost of one delivery."""
    fan = Fan(running, faults, door)
    await fan.begin(connections)
    await asyncio.sleep(warm_up)
    before = fan.delivered
    fan.delays.clear()
    meter = Meter(running)
    await asyncio.sleep(seconds)
    sample = meter.cost(fan.delivered - before) | percentiles(fan.delays, 50, 99)
    await fan.end()
    return sample
