"""Reading what is stored: pages of a long conversation, and what was missed."""

import asyncio
import random
import time
from typing import Any

import msgspec

from benchmarks.load.check import SIZE, Faults, Reader, Stream
from benchmarks.load.fill import READER, WRITER
from benchmarks.load.link import Link, LinkError, content_of
from benchmarks.load.meter import Meter, Sample, percentiles
from benchmarks.servers import Running

REPLY_SECONDS = 30.0
PAGE = 50


class Caller(Link):
    """Sends one command at a time and waits for its reply."""

    def __init__(self, secret: str, ready_on: str) -> None:
        super().__init__("raw", {"sessionID": secret}, ready_on)
        self._replies: asyncio.Queue[bytes] = asyncio.Queue()

    async def call(self, event: str, data: dict[str, Any]) -> Any:
        """The data of the reply. Raises LinkError where that is an error."""
        self.send(msgspec.json.encode({"event": event, "data": data, "id": 1}))
        frame = await asyncio.wait_for(self._replies.get(), REPLY_SECONDS)
        reply = msgspec.json.decode(frame)
        if "error" in reply:
            raise LinkError(frame.decode())
        return reply["data"]

    async def user_of(self, name: str) -> str:
        """The userID of a name that is one person's."""
        found = await self.call("users", {"query": name})
        user_id: str = found["users"][0]["userID"]
        return user_id

    def on_reply(self, frame: bytes) -> None:
        """The one that is waited for."""
        self._replies.put_nowait(frame)


class Returned(Link):
    """Comes back with a cursor, and checks what it missed."""

    def __init__(self, since: str, reader: Reader, ready_on: str) -> None:
        super().__init__("raw", {"sessionID": READER, "since": since}, ready_on)
        self._reader = reader

    def on_message(self, frame: bytes) -> None:
        """One that was missed."""
        self._reader.take(content_of(frame, SIZE))


async def leaf(running: Running, faults: Faults, *, warm_up: float, seconds: float) -> Sample:
    """Pages at random places of the long conversation, one after the other."""
    caller = Caller(READER, running.server.ready_on)
    await caller.open(running.port)
    writer = await caller.user_of("writer")
    last = (await caller.call("history", {"with": writer, "limit": 1}))["messages"][0]["seq"]
    delays: list[float] = []
    until = time.perf_counter() + warm_up
    while time.perf_counter() < until:
        await _page(caller, writer, last, faults)
    meter = Meter(running)
    until += seconds
    while time.perf_counter() < until:
        delays.append(await _page(caller, writer, last, faults))
    sample = meter.cost(len(delays)) | percentiles(delays, 50, 99)
    caller.leave()
    return sample


async def _page(caller: Caller, writer: str, last: int, faults: Faults) -> float:
    before = random.randint(PAGE + 1, last + 1)
    started = time.perf_counter()
    page = await caller.call("history", {"with": writer, "before": before, "limit": PAGE})
    took = time.perf_counter() - started
    seqs = [message["seq"] for message in page["messages"]]
    faults["wrong page"] += seqs != list(range(before - PAGE, before))
    # What is stored is numbered through; every second message is of this conversation.
    numbers = [int(message["content"][:9]) for message in page["messages"]]
    faults["wrong content"] += numbers != [seq * 2 - 1 for seq in seqs]
    return took


async def resume(running: Running, faults: Faults, *, missed: int, times: int) -> Sample:
    """What it costs to come back after so many messages, in ms of CPU; `p50` is how long it takes."""
    ready_on = running.server.ready_on
    reader, writer = Caller(READER, ready_on), Caller(WRITER, ready_on)
    await reader.open(running.port)
    await writer.open(running.port)
    cursor = reader.cursor
    reader.leave()
    stream = Stream("missed")
    for _ in range(missed):
        content = stream.next(0.0).decode()
        await writer.call("private message", {"to": reader.session["userID"], "content": content})
    delays: list[float] = []
    await _come_back(running, faults, cursor, stream)
    meter = Meter(running)
    for _ in range(times):
        delays.append(await _come_back(running, faults, cursor, stream))
    cost = meter.cost(times)
    writer.leave()
    return {"cpu": cost["cpu"] / 1e3} | percentiles(delays, 50, 99)


async def _come_back(running: Running, faults: Faults, cursor: str, stream: Stream) -> float:
    reader = Reader(stream, faults)
    link = Returned(cursor, reader, running.server.ready_on)
    started = time.perf_counter()
    await link.open(running.port)
    took = time.perf_counter() - started
    reader.end()
    link.leave()
    return took
