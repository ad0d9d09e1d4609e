"""RFC 6455 under the handlers: what is answered with which code, and what the counters say."""

import asyncio
import socket
import struct
from collections.abc import Iterator

import pytest
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop
from tornado.testing import bind_unused_port
from tornado.web import Application

from tests.transports.conftest import Dial
from tests.transports.peer import BINARY, CLOSE, PING, PONG, TEXT, Peer, frame
from tornadochat.transports.framing import FramedWebSocketHandler

LIMIT = 1000


class Echo(FramedWebSocketHandler):
    """Sends back what comes, and shows itself to the test."""

    max_frame = LIMIT
    opened: list["Echo"]

    def initialize(self, opened: list["Echo"]) -> None:
        self.opened = opened
        self.ended = asyncio.Event()
        self.gate: asyncio.Event | None = None
        self.taken: list[str | bytes] = []

    def open(self, *args: str, **kwargs: str) -> None:
        self.opened.append(self)

    async def on_message(self, message: str | bytes) -> None:
        self.taken.append(message)
        if isinstance(message, bytes):
            self.send_binary(message)
        else:
            self.send_text(message)
        if self.gate is not None:
            await self.gate.wait()

    def on_close(self) -> None:
        assert not self.ended.is_set()
        self.ended.set()


class Door:
    """A server with one echo, and a WebSocket to it."""

    def __init__(self, dial: Dial) -> None:
        self.opened: list[Echo] = []
        self._dial = dial
        listener, self.port = bind_unused_port()
        self.server = HTTPServer(Application([("/", Echo, {"opened": self.opened})]))
        self.server.add_sockets([listener])

    async def enter(self, **headers: str) -> tuple[Peer, Echo]:
        peer = await (await self._dial(self.port)).upgrade("/", **headers)
        assert peer.status == 101
        return peer, self.opened[-1]


@pytest.fixture
def door(io_loop: IOLoop, dial: Dial) -> Iterator[Door]:
    door = Door(dial)
    yield door
    door.server.stop()
    for handler in door.opened:
        handler.abort()


@pytest.mark.gen_test
async def test_text_and_binary_messages_come_and_go(door: Door) -> None:
    peer, _ = await door.enter()
    for message in ("", "hé", "x" * LIMIT, b"", b"\xff" * 200):
        peer.send(message)
        assert await peer.receive() == message


@pytest.mark.gen_test
async def test_fragments_make_one_message_around_a_ping(door: Door) -> None:
    peer, _ = await door.enter()
    euro = "€".encode()
    peer.writer.write(
        frame(TEXT, b"a" + euro[:1], final=False) + frame(PING, b"?") + frame(0, b"", final=False)
    )
    peer.writer.write(frame(0, euro[1:] + b"b"))
    assert await peer.frame() == (PONG, b"?")
    assert await peer.receive() == "a€b"
    peer.writer.write(frame(BINARY, b"1", final=False) + frame(0, b"2"))
    assert await peer.receive() == b"12"


BROKEN = {
    "an unmasked frame": (frame(TEXT, b"x", masked=False), 1002),
    "a reserved bit": (frame(TEXT, b"x", reserved=0x40), 1002),
    "a reserved bit on a control frame": (frame(PING, b"x", reserved=0x10), 1002),
    "an unknown data opcode": (frame(0x3, b"x"), 1002),
    "an unknown control opcode": (frame(0xB, b"x"), 1002),
    "a fragmented ping": (frame(PING, b"x", final=False), 1002),
    "an oversize ping": (frame(PING, b"x" * 126), 1002),
    "a continuation of nothing": (frame(0, b"x"), 1002),
    "a new message inside another": (frame(TEXT, b"x", final=False) + frame(TEXT, b"y"), 1002),
    "text that is not UTF-8": (frame(TEXT, b"\xff"), 1007),
    "text that ends within a character": (frame(TEXT, "€".encode()[:2]), 1007),
    "a fragment that cannot become UTF-8": (frame(TEXT, b"a\xff", final=False), 1007),
    "a message over the limit": (frame(TEXT, b"x" * (LIMIT + 1)), 1009),
    "fragments over the limit": (frame(TEXT, b"x" * LIMIT, final=False) + frame(0, b"y"), 1009),
    "a close frame of one byte": (frame(CLOSE, b"\x03"), 1002),
    "a close reason that is not UTF-8": (frame(CLOSE, b"\x03\xe8\xff"), 1007),
}


@pytest.mark.parametrize("fault", BROKEN)
@pytest.mark.gen_test
async def test_a_violation_is_answered_with_its_code_and_noticed_at_once(door: Door, fault: str) -> None:
    peer, handler = await door.enter()
    data, code = BROKEN[fault]
    peer.writer.write(data)
    arrived = await peer.frame()
    assert arrived is not None
    assert (arrived[0], int.from_bytes(arrived[1][:2], "big")) == (CLOSE, code)
    assert handler.ended.is_set()
    assert handler.taken == []


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535])
@pytest.mark.gen_test
async def test_an_invalid_close_code_is_not_echoed(door: Door, code: int) -> None:
    peer, _ = await door.enter()
    peer.writer.write(frame(CLOSE, struct.pack("!H", code)))
    assert await peer.frame() == (CLOSE, struct.pack("!H", 1002))


@pytest.mark.parametrize("code", [1000, 1001, 1003, 1007, 1011, 1012, 1014, 3000, 4999])
@pytest.mark.gen_test
async def test_a_valid_close_code_is_echoed_and_told(door: Door, code: int) -> None:
    peer, handler = await door.enter()
    peer.writer.write(frame(CLOSE, struct.pack("!H", code) + "bye €".encode()))
    assert await peer.frame() == (CLOSE, struct.pack("!H", code))
    assert await peer.frame() is None
    assert (handler.close_code, handler.close_reason) == (code, "bye €")


@pytest.mark.gen_test
async def test_a_close_without_a_code_is_answered_without_one(door: Door) -> None:
    peer, handler = await door.enter()
    peer.writer.write(frame(CLOSE))
    assert await peer.frame() == (CLOSE, b"")
    assert handler.close_code is None


@pytest.mark.gen_test
async def test_the_code_of_an_oversize_message_arrives_though_more_is_under_way(door: Door) -> None:
    peer, _ = await door.enter()
    peer.writer.write(frame(BINARY, b"x" * 3_000_000))
    assert await peer.ended() == 1009


@pytest.mark.gen_test
async def test_a_peer_that_ignores_a_violation_is_cut(door: Door) -> None:
    peer, handler = await door.enter()
    stream = handler.ws_connection.stream  # type: ignore[union-attr]
    peer.writer.write(frame(0x3))
    assert await peer.frame() == (CLOSE, struct.pack("!H", 1002))
    assert handler.ended.is_set()
    assert await peer.frame() is None
    assert stream is not None
    assert not stream.closed()
    await asyncio.sleep(2.1)
    assert stream.closed()


@pytest.mark.gen_test
async def test_end_closes_with_its_code_and_takes_no_more_messages(door: Door) -> None:
    peer, handler = await door.enter()
    handler.end(4000, "slow")
    peer.send("late")
    assert await peer.frame() == (CLOSE, struct.pack("!H", 4000) + b"slow")
    peer.writer.write(frame(CLOSE, struct.pack("!H", 4000)))
    assert await peer.frame() is None
    await handler.ended.wait()
    assert handler.taken == []


@pytest.mark.gen_test
async def test_end_cuts_a_peer_that_does_not_answer(door: Door) -> None:
    peer, handler = await door.enter()
    started = asyncio.get_running_loop().time()
    handler.end(1012)
    await peer.frame()
    assert await peer.frame() is None
    assert 1.5 < asyncio.get_running_loop().time() - started < 2.7
    await handler.ended.wait()


@pytest.mark.gen_test
async def test_abort_cuts_at_once(door: Door) -> None:
    peer, handler = await door.enter()
    handler.abort()
    assert await peer.frame() is None
    await handler.ended.wait()


@pytest.mark.gen_test
async def test_sending_to_one_who_has_left_is_silent(door: Door) -> None:
    peer, handler = await door.enter()
    peer.cut()
    await handler.ended.wait()
    handler.send_text("nobody")
    handler.send_binary(b"hears")
    handler.end(1000)
    handler.abort()
    await handler.drained()
    assert (handler.buffered, handler.sent) == (0, 0)


@pytest.mark.gen_test
async def test_a_peer_that_leaves_is_noticed_while_reading_is_held_back(door: Door) -> None:
    peer, handler = await door.enter()
    handler.gate = asyncio.Event()
    peer.send("hold")
    await peer.receive()
    peer.cut()
    await asyncio.wait_for(handler.ended.wait(), 1)
    handler.gate.set()


@pytest.mark.gen_test
async def test_what_a_slow_reader_has_not_taken_is_counted_until_it_has(door: Door) -> None:
    peer, handler = await door.enter()
    peer.stop_reading()
    before = handler.sent
    while not handler.buffered:
        handler.send_text("x" * 100_000)
    waiting = asyncio.ensure_future(handler.drained())
    await asyncio.sleep(0.05)
    assert not waiting.done()
    peer.read_on()
    while not waiting.done():
        await peer.receive()
    assert handler.buffered == 0
    assert handler.sent > before


@pytest.mark.gen_test
async def test_drained_returns_when_the_peer_leaves(door: Door) -> None:
    peer, handler = await door.enter()
    peer.stop_reading()
    while not handler.buffered:
        handler.send_text("x" * 100_000)
    waiting = asyncio.ensure_future(handler.drained())
    await asyncio.sleep(0)
    handler.abort()
    await asyncio.wait_for(waiting, 1)


@pytest.mark.gen_test
async def test_several_frames_leave_in_one_write_and_in_order(door: Door) -> None:
    peer, handler = await door.enter()
    handler.send_text("1", b"2", "3")
    assert [await peer.receive() for _ in range(3)] == ["1", "2", "3"]


@pytest.mark.gen_test
async def test_small_frames_are_not_delayed_and_nothing_is_compressed(door: Door) -> None:
    peer, handler = await door.enter(Sec_WebSocket_Extensions="permessage-deflate")
    assert "sec-websocket-extensions" not in peer.headers
    stream = handler.ws_connection.stream  # type: ignore[union-attr]
    assert stream is not None
    assert stream.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.mark.gen_test
async def test_no_task_is_made_for_a_message_or_a_write(door: Door) -> None:
    peer, handler = await door.enter()
    tasks = asyncio.all_tasks()
    for _ in range(5):
        handler.send_text("x")
        peer.send("y")
        await peer.receive()
        await peer.receive()
    assert asyncio.all_tasks() <= tasks
