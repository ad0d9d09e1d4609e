"""Links as they are in the world: cut in the midst of a frame, reset, half-open, trickling, dropped."""

import asyncio
import contextlib
import socket
import struct
from typing import Any

import msgspec
import pytest

from tests.doors.conftest import Build
from tests.support.clients import PATIENCE
from tests.support.house import House
from tests.support.wire import WIRES, FrameLink, frame
from tests.transports.peer import Peer

DEAF = 0.3
"""Seconds for interval and timeout of the heartbeat, so that silence is noticed soon."""


class Someone:
    """A client at the frames, whose TCP connection can be maltreated."""

    def __init__(self, door: str, house: House) -> None:
        self._ready = asyncio.Event()
        self._port = house.app.port
        self.wire = WIRES[door](self._event, self._reply, lambda: None)
        self.session: dict[str, str] = {}
        self.cursor = ""
        self.messages: list[str] = []

    async def enter(self, **auth: str) -> "Someone":
        await self.wire.connect(self._port, auth)
        await asyncio.wait_for(self._ready.wait(), PATIENCE)
        return self

    @property
    def link(self) -> FrameLink:
        return self.wire.link

    def message(self, to: str, content: str) -> bytes:
        """The frame of a message."""
        data = {"to": to, "content": content, "clientID": content[:60]}
        return frame(self.wire.packed(1, "private message", data))

    def send(self, *frames: bytes) -> None:
        self.link.transport.write(b"".join(frames))

    def reset(self) -> None:
        """RST: no good-bye of TCP either."""
        tcp = self.link.transport.get_extra_info("socket")
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.link.transport.abort()

    def fall_silent(self) -> None:
        """Half-open: the peer is gone, and nothing has told so."""
        self.link.transport.pause_reading()

    def _event(self, name: str, data: Any) -> None:
        if name == "session":
            self.session = data
        elif name == "ready":
            self.cursor = data["cursor"]
            self._ready.set()
        elif name == "private message":
            self.cursor = data["cursor"]
            self.messages.append(data["content"])

    def _reply(self, number: int, reply: Any) -> None: ...


async def connections(house: House, count: int) -> None:
    """Returns when there are so many."""
    async with asyncio.timeout(PATIENCE):
        while len(list(house.app.hub)) != count:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("end", ["reset", "close", "cut in a frame", "reset in a frame"])
@pytest.mark.parametrize("door", WIRES)
@pytest.mark.gen_test(timeout=30)
async def test_a_link_that_is_cut_is_forgotten_at_once_and_what_was_half_sent_is_nothing(
    house: House, door: str, end: str
) -> None:
    watcher = await house.enter("watcher")
    user = await Someone(door, house).enter(username="unlucky")
    who = user.session["userID"]
    assert (await watcher.events.take("user connected"))["userID"] == who
    if "frame" in end:
        whole = user.message(watcher.session["userID"], "half of it is not enough" * 20)
        user.send(whole[: len(whole) // 2])
        # So that it is there before the end, which may throw away what is not.
        await asyncio.sleep(0.05)
    user.reset() if "reset" in end else user.link.transport.close()
    await connections(house, 1)
    assert await watcher.events.take("user disconnected") == who
    page = await watcher.command("history", {"with": who})
    assert page["data"]["messages"] == []
    back = await Someone(door, house).enter(sessionID=user.session["sessionID"], since=user.cursor)
    back.send(back.message(watcher.session["userID"], "whole"))
    assert (await watcher.events.take("private message"))["content"] == "whole"
    back.wire.cut()


@pytest.mark.parametrize("door", WIRES)
@pytest.mark.gen_test(timeout=30)
async def test_a_half_open_link_is_noticed_and_what_it_was_sent_comes_after_the_return(
    build: Build, door: str
) -> None:
    house = await build(interval=DEAF, timeout=DEAF)
    watcher = await house.enter("watcher")
    user = await Someone(door, house).enter(username="in a tunnel")
    who = user.session["userID"]
    user.fall_silent()
    for number in range(5):
        await watcher.command("private message", {"to": who, "content": str(number)})
    await connections(house, 1)
    assert await watcher.events.take("user disconnected") == who
    back = await Someone(door, house).enter(sessionID=user.session["sessionID"], since=user.cursor)
    assert back.messages == ["0", "1", "2", "3", "4"]
    user.wire.cut()
    back.wire.cut()


@pytest.mark.parametrize("door", WIRES)
@pytest.mark.gen_test(timeout=30)
async def test_without_pings_a_half_open_link_would_be_a_ghost(build: Build, door: str) -> None:
    """The switch: a heartbeat of an hour. Who has gone in silence is shown as being there."""
    house = await build(interval=3600.0, timeout=3600.0)
    user = await Someone(door, house).enter(username="in a tunnel")
    user.fall_silent()
    await asyncio.sleep(4 * DEAF)
    assert len(list(house.app.hub)) == 1
    user.wire.cut()


@pytest.mark.parametrize("door", WIRES)
@pytest.mark.gen_test(timeout=30)
async def test_bytes_that_trickle_make_the_same_messages_and_hold_nobody_up(house: House, door: str) -> None:
    watcher = await house.enter("watcher")
    user = Someone(door, house)
    await user.enter(username="on a bad line")
    # Nagle would put them together again.
    user.link.transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    whole = b"".join(user.message(watcher.session["userID"], text) for text in ("drop by drop", "by drop"))
    for number in range(len(whole)):
        user.send(whole[number : number + 1])
        await asyncio.sleep(0.001)
        if number % 100 == 50:
            assert "data" in await watcher.command("users", {"limit": 1})
    heard = [(await watcher.events.take("private message"))["content"] for _ in range(2)]
    assert heard == ["drop by drop", "by drop"]
    user.wire.cut()


class Poller:
    """A Socket.IO client on polling, by hand."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._path = "/socket.io/?EIO=4&transport=polling"

    async def enter(self, auth: dict[str, str]) -> list[Any]:
        """What comes until `ready`."""
        opening = await self._ask("GET")
        self._path += f"&sid={msgspec.json.decode(opening[1:])['sid']}"
        await self._ask("POST", b"40" + msgspec.json.encode(auth))
        events: list[Any] = []
        while not events or events[-1][0] != "ready":
            events += await self.poll()
        return events

    async def poll(self) -> list[Any]:
        packets = (await self._ask("GET")).split("\x1e")
        return [msgspec.json.decode(packet[2:]) for packet in packets if packet.startswith("42")]

    async def drop_a_poll(self) -> None:
        """Asks, and is gone before there is an answer."""
        peer = await Peer.connect(self._port)
        peer.request("GET", self._path)
        await asyncio.sleep(0.1)
        tcp = peer.writer.get_extra_info("socket")
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.writer.transport.abort()

    async def _ask(self, method: str, body: bytes = b"") -> str:
        peer = await Peer.connect(self._port)
        peer.request(method, self._path, body)
        try:
            return await peer.response()
        finally:
            peer.writer.close()
            with contextlib.suppress(ConnectionError):
                await peer.writer.wait_closed()


@pytest.mark.gen_test(timeout=30)
async def test_a_poll_that_is_dropped_ends_the_session_and_loses_nothing(house: House) -> None:
    watcher = await house.enter("watcher")
    poller = Poller(house.app.port)
    events = dict(await poller.enter({"username": "polling"}))
    who, cursor = events["session"]["userID"], events["ready"]["cursor"]
    await poller.drop_a_poll()
    await watcher.command("private message", {"to": who, "content": "where are you?"})
    await connections(house, 1)
    auth = {"sessionID": events["session"]["sessionID"], "since": cursor}
    replayed = await Poller(house.app.port).enter(auth)
    assert [data["content"] for name, data in replayed if name == "private message"] == ["where are you?"]
