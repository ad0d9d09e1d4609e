"""RFC 6455 under the handlers: what is answered with which code, and what the counters say.

Everything here holds for both engines, and for the fast one on uvloop too where that is installed.
"""

import asyncio
import importlib.util
import socket
import struct
import time
from collections.abc import Iterator
from typing import Any

import pytest
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop
from tornado.testing import bind_unused_port
from tornado.web import Application
from tornado.websocket import WebSocketClosedError

from tests.conftest import ExpectLog, drained_loop
from tests.transports.conftest import Dial
from tests.transports.peer import BINARY, CLOSE, PING, PONG, TEXT, Peer, frame
from tornadochat.transports import framing
from tornadochat.transports.frames import CONTINUATION, encode_frame
from tornadochat.transports.framing import FramedWebSocketHandler
from tornadochat.transports.gather import Gather

LIMIT = 1000


ENGINES = ["picows", "tornado"] + (["picows on uvloop"] if importlib.util.find_spec("uvloop") else [])


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    """Which engine, and where."""
    name: str = request.param
    return name


@pytest.fixture
def io_loop(engine: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[IOLoop]:
    """The project's own loop for tests, or uvloop."""
    if engine == "picows on uvloop":
        import uvloop  # not among the packages that the tests need

        monkeypatch.setattr(asyncio, "new_event_loop", uvloop.new_event_loop)
    yield from drained_loop()


@pytest.fixture(autouse=True)
def chosen(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The handlers have this engine."""
    if engine == "tornado":
        monkeypatch.setattr(framing, "fast_engine", lambda: None)


class Echo(FramedWebSocketHandler):
    """Sends back what comes, and shows itself to the test."""

    max_frame = LIMIT
    door: "Door"
    # An application setting elsewhere; here it must not be the same for all.
    ping_interval: float | None = None
    ping_timeout: float | None = None

    def initialize(self, door: "Door") -> None:
        self.door = door
        self.ended = asyncio.Event()
        self.gate: asyncio.Event | None = None
        self.taken: list[str | bytes] = []
        self.heard: list[tuple[str, bytes]] = []
        self.fault: BaseException | None = None
        self.synchronous = door.synchronous
        self.ping_interval, self.ping_timeout = door.pings
        self.set_header("X-Extra", "yes")

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        return "second" if "second" in subprotocols else None

    async def open(self, *args: str, **kwargs: str) -> None:
        self.door.opened.append(self)
        if self.door.hold_open is not None:
            await self.door.hold_open.wait()
        if self.door.fault is not None:
            raise self.door.fault

    def on_message(self, message: str | bytes) -> Any:
        self.taken.append(message)
        if self.fault is not None:
            raise self.fault
        return self.answer(message) if self.synchronous else self.answer_and_wait(message)

    def answer(self, message: str | bytes) -> None:
        if isinstance(message, bytes):
            self.send_binary(message)
        else:
            self.send_text(message)

    async def answer_and_wait(self, message: str | bytes) -> None:
        self.answer(message)
        if self.gate is not None:
            await self.gate.wait()

    def on_ping(self, data: bytes) -> None:
        self.heard.append(("ping", data))

    def on_pong(self, data: bytes) -> None:
        self.heard.append(("pong", data))

    def on_close(self) -> None:
        assert not self.ended.is_set()
        self.ended.set()


class Door:
    """A server with one echo, and a WebSocket to it."""

    def __init__(self, dial: Dial) -> None:
        self.opened: list[Echo] = []
        self.hold_open: asyncio.Event | None = None
        self.fault: Exception | None = None
        self.synchronous = False
        self.pings: tuple[float | None, float | None] = (None, None)
        self._dial = dial
        listener, self.port = bind_unused_port()
        self.server = HTTPServer(Application([("/", Echo, {"door": self})]))
        self.server.add_sockets([listener])

    async def knock(self) -> Peer:
        return await self._dial(self.port)

    async def enter(self, **headers: str) -> tuple[Peer, Echo]:
        known = len(self.opened)
        peer = await (await self.knock()).upgrade("/", **headers)
        assert peer.status == 101
        # The answer leaves before the handler is opened.
        while len(self.opened) == known:
            await asyncio.sleep(0)
        return peer, self.opened[-1]


@pytest.fixture
def door(io_loop: IOLoop, dial: Dial) -> Iterator[Door]:
    door = Door(dial)
    yield door
    door.server.stop()
    for handler in door.opened:
        handler.abort()


def socket_of(handler: Echo) -> socket.socket:
    """The server's end of the TCP connection, whichever engine has it."""
    engine: Any = handler.ws_connection
    end: socket.socket = engine._socket if engine.stream is None else engine.stream.socket
    return end


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
    end = socket_of(handler)
    peer.writer.write(frame(0x3))
    assert await peer.frame() == (CLOSE, struct.pack("!H", 1002))
    assert handler.ended.is_set()
    assert await peer.frame() is None
    assert end.fileno() >= 0
    await asyncio.sleep(2.1)
    assert end.fileno() < 0


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
    await asyncio.wait_for(handler.ended.wait(), 3)
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
    end = socket_of(handler)
    assert end.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    assert end.getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT) == 131_072


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


# Taking the connection over


@pytest.mark.gen_test
async def test_frames_sent_with_the_request_are_taken(door: Door) -> None:
    peer = await door.knock()
    upgrade = peer.upgrade("/")
    task = asyncio.ensure_future(upgrade)
    await asyncio.sleep(0)
    peer.send("early", "bird")
    await task
    assert [await peer.receive(), await peer.receive()] == ["early", "bird"]


@pytest.mark.gen_test
async def test_frames_wait_until_open_has_ended(door: Door) -> None:
    door.hold_open = asyncio.Event()
    peer, handler = await door.enter()
    peer.send("a", "b")
    peer.writer.write(frame(PING, b"?") + frame(CLOSE, struct.pack("!H", 1000)))
    await asyncio.sleep(0.05)
    assert (handler.taken, handler.heard) == ([], [])
    door.hold_open.set()
    assert [await peer.frame() for _ in range(4)] == [
        (TEXT, b"a"),
        (TEXT, b"b"),
        (PONG, b"?"),
        (CLOSE, b"\x03\xe8"),
    ]


@pytest.mark.gen_test
async def test_long_headers_subprotocol_and_headers_of_the_handler_pass(door: Door) -> None:
    peer, handler = await door.enter(Cookie="x" * 12_000, Sec_WebSocket_Protocol="first, second")
    assert peer.headers["sec-websocket-protocol"] == "second" == handler.selected_subprotocol
    assert peer.headers["x-extra"] == "yes"
    assert "content-type" not in peer.headers
    peer.send("x")
    assert await peer.receive() == "x"


@pytest.mark.gen_test
async def test_a_request_without_a_key_is_refused(door: Door) -> None:
    peer = await door.knock()
    peer.request("GET", "/", Upgrade="websocket", Connection="Upgrade", Sec_WebSocket_Version="13")
    assert await peer.response() == "Missing/Invalid WebSocket headers"
    assert (peer.status, door.opened) == (400, [])


@pytest.mark.gen_test
async def test_a_failure_in_open_is_logged_once_and_cuts(door: Door, expect_log: ExpectLog) -> None:
    expect_log("ERROR tornado.application: Uncaught exception GET /")
    door.fault = ZeroDivisionError("open")
    peer, handler = await door.enter()
    assert await peer.frame() is None
    await handler.ended.wait()


@pytest.mark.parametrize("synchronous", [True, False])
@pytest.mark.gen_test
async def test_a_failure_in_on_message_is_logged_once_and_cuts(
    door: Door, synchronous: bool, expect_log: ExpectLog
) -> None:
    expect_log("ERROR tornado.application: Uncaught exception GET /")
    peer, handler = await door.enter()
    if synchronous:
        handler.fault = ZeroDivisionError()
    else:
        handler.answer = lambda message: 1 / 0  # type: ignore[method-assign,assignment]
    peer.send("x", "y")
    assert await peer.frame() is None
    await handler.ended.wait()
    assert handler.taken == ["x"]


@pytest.mark.gen_test
async def test_a_peer_that_leaves_during_open_is_noticed(door: Door) -> None:
    door.hold_open = asyncio.Event()
    peer, handler = await door.enter()
    peer.cut()
    await asyncio.wait_for(handler.ended.wait(), 3)
    door.hold_open.set()


# Pieces and heaps


@pytest.mark.gen_test
async def test_frames_may_come_byte_by_byte(door: Door) -> None:
    peer, _ = await door.enter()
    data = frame(TEXT, "h€".encode(), final=False) + frame(PING, b"?") + frame(0, b"x" * 200)
    for place in range(len(data)):
        peer.writer.write(data[place : place + 1])
        await asyncio.sleep(0)
    assert await peer.frame() == (PONG, b"?")
    assert await peer.receive() == "h€" + "x" * 200


@pytest.mark.parametrize("synchronous", [True, False])
@pytest.mark.gen_test
async def test_many_frames_in_one_read_are_taken_one_by_one_and_in_order(
    door: Door, synchronous: bool
) -> None:
    door.synchronous = synchronous
    peer, handler = await door.enter()
    peer.send(*[str(number) for number in range(3000)])
    assert [await peer.receive() for _ in range(3000)] == [str(number) for number in range(3000)]
    peer.send(b"x" * LIMIT)
    assert await peer.receive() == b"x" * LIMIT
    assert len(handler.taken) == 3001


@pytest.mark.gen_test
async def test_a_flood_of_small_frames_leaves_others_their_turn(door: Door) -> None:
    door.synchronous = True
    peer, handler = await door.enter()
    handler.answer = lambda message: None  # type: ignore[method-assign]
    peer.writer.write(frame(TEXT, b"x") * 20_000)
    longest, last = 0.0, time.thread_time()
    while len(handler.taken) < 20_000:
        await asyncio.sleep(0)
        now = time.thread_time()
        longest, last = max(longest, now - last), now
    assert longest < 0.05


@pytest.mark.gen_test
async def test_a_message_over_the_limit_in_many_fragments_is_refused_before_its_end(door: Door) -> None:
    peer, handler = await door.enter()
    peer.writer.write(frame(BINARY, b"x" * 400, final=False) + frame(0, b"x" * 400, final=False))
    peer.writer.write(frame(0, b"x" * 400, final=False))
    assert await peer.ended() == 1009
    assert handler.taken == []


@pytest.mark.gen_test
async def test_the_limit_of_a_frame_is_told_by_its_head(door: Door) -> None:
    peer, _ = await door.enter()
    peer.writer.write(frame(BINARY, b"x" * 70_000)[:14])
    assert await peer.ended() == 1009


@pytest.mark.gen_test
async def test_what_came_before_a_violation_is_taken(door: Door) -> None:
    door.synchronous = True
    peer, handler = await door.enter()
    peer.writer.write(frame(TEXT, b"1") + frame(TEXT, b"2") + frame(0x3) + frame(TEXT, b"3"))
    assert [await peer.frame() for _ in range(3)] == [(TEXT, b"1"), (TEXT, b"2"), (CLOSE, b"\x03\xea")]
    assert handler.taken == ["1", "2"]


@pytest.mark.gen_test
async def test_what_came_before_a_close_is_taken_and_what_came_after_is_not(door: Door) -> None:
    peer, handler = await door.enter()
    handler.gate = asyncio.Event()
    peer.writer.write(frame(TEXT, b"1") + frame(TEXT, b"2") + frame(CLOSE) + frame(TEXT, b"3"))
    assert await peer.frame() == (TEXT, b"1")
    handler.gate.set()
    assert [await peer.frame(), await peer.frame(), await peer.frame()] == [(TEXT, b"2"), (CLOSE, b""), None]
    assert handler.taken == ["1", "2"]


@pytest.mark.parametrize("in_one_write", [True, False])
@pytest.mark.gen_test
async def test_a_fragment_that_makes_it_too_long_is_refused_before_it_has_come(
    door: Door, in_one_write: bool
) -> None:
    # With picows' own bound alone, that of one frame, nothing comes back: tried with an endless OVERHEAD.
    peer, handler = await door.enter()
    rest = frame(CONTINUATION, b"y" * LIMIT)[: LIMIT - 1]
    if in_one_write:
        peer.writer.write(frame(TEXT, b"x" * (LIMIT - 10), final=False) + rest)
    else:
        for part in (frame(TEXT, b"x" * (LIMIT - 10), final=False), rest):
            peer.writer.write(part)
            await asyncio.sleep(0.02)
    assert await peer.ended() == 1009
    assert handler.taken == []


@pytest.mark.gen_test
async def test_after_a_message_in_fragments_a_long_one_in_one_frame_is_welcome(door: Door) -> None:
    peer, _ = await door.enter()
    for _ in range(3):
        for fragment in (frame(TEXT, b"x" * (LIMIT - 300), final=False), frame(CONTINUATION, b"y" * 300)):
            peer.writer.write(fragment)
            await asyncio.sleep(0.01)
        assert await peer.receive() == "x" * (LIMIT - 300) + "y" * 300
        for part in (frame(TEXT, b"z" * LIMIT)[:400], frame(TEXT, b"z" * LIMIT)[400:]):
            peer.writer.write(part)
            await asyncio.sleep(0.01)
        assert await peer.receive() == "z" * LIMIT


@pytest.mark.gen_test
async def test_pings_between_fragments_do_not_count(door: Door) -> None:
    peer, _ = await door.enter()
    peer.writer.write(frame(TEXT, b"x" * LIMIT, final=False))
    for _ in range(20):
        ping = frame(PING, b"p" * 125)
        for part in (ping[:100], ping[100:]):
            peer.writer.write(part)
            await asyncio.sleep(0.002)
        assert await peer.frame() == (PONG, b"p" * 125)
    peer.writer.write(frame(CONTINUATION))
    assert await peer.receive() == "x" * LIMIT


@pytest.mark.gen_test
async def test_fragments_of_nothing_do_not_pile_up(door: Door) -> None:
    peer, _ = await door.enter()
    peer.writer.write(frame(BINARY, final=False) + frame(0, final=False) * 5000 + frame(0, b"x"))
    assert await peer.receive() == b"x"


# Held back


@pytest.mark.gen_test
async def test_the_next_message_waits_for_what_on_message_returned(door: Door) -> None:
    peer, handler = await door.enter()
    handler.gate = asyncio.Event()
    peer.send("1", "2", "3")
    assert await peer.receive() == "1"
    await asyncio.sleep(0.05)
    assert handler.taken == ["1"]
    handler.gate.set()
    assert [await peer.receive(), await peer.receive()] == ["2", "3"]


@pytest.mark.gen_test
async def test_while_it_waits_nothing_is_read_and_the_sender_is_stopped(door: Door) -> None:
    peer, handler = await door.enter()
    handler.gate = asyncio.Event()
    peer.writer.transport.set_write_buffer_limits(high=1)
    peer.writer.write(frame(TEXT, b"x" * LIMIT) * 4000)
    sending = asyncio.ensure_future(peer.writer.drain())
    await asyncio.sleep(0.2)
    assert not sending.done()
    assert len(handler.taken) == 1
    handler.abort()
    with pytest.raises(ConnectionError):
        await sending
    handler.gate.set()


@pytest.mark.gen_test
async def test_a_peer_that_leaves_behind_unread_frames_is_noticed(door: Door) -> None:
    peer, handler = await door.enter()
    handler.gate = asyncio.Event()
    peer.send("1", "2", "3")
    await peer.receive()
    peer.send(*["x" * 900] * 100)
    peer.writer.write_eof()
    await asyncio.wait_for(handler.ended.wait(), 3)
    assert handler.taken == ["1"]
    handler.gate.set()


@pytest.mark.gen_test
async def test_end_works_while_reading_is_held_back(door: Door) -> None:
    peer, handler = await door.enter()
    handler.gate = asyncio.Event()
    peer.send("1", "2")
    await peer.receive()
    handler.end(4000)
    assert await peer.frame() == (CLOSE, struct.pack("!H", 4000))
    peer.writer.write(frame(CLOSE, struct.pack("!H", 4000)))
    assert await peer.frame() is None
    await handler.ended.wait()
    handler.gate.set()
    await asyncio.sleep(0)
    assert handler.taken == ["1"]


# Pings


@pytest.mark.gen_test
async def test_pings_and_pongs_are_told(door: Door) -> None:
    peer, handler = await door.enter()
    handler.ping(b"there?")
    assert await peer.frame() == (PING, b"there?")
    peer.writer.write(frame(PONG, b"here") + frame(PING, b"x" * 125))
    assert await peer.frame() == (PONG, b"x" * 125)
    assert handler.heard == [("pong", b"here"), ("ping", b"x" * 125)]


@pytest.mark.gen_test
async def test_pings_of_one_who_does_not_read_make_no_heap_of_pongs(door: Door) -> None:
    peer, handler = await door.enter()
    peer.stop_reading()
    while not handler.buffered:
        handler.send_binary(bytes(100_000))
    before, count = handler.buffered, 2000
    for number in range(count):
        peer.writer.write(frame(PING, b"%d" % number))
    while len(handler.heard) < count:
        await asyncio.sleep(0.001)
    assert handler.buffered <= before + 130
    peer.read_on()
    while (arrived := await peer.frame()) is not None and arrived[0] == BINARY:
        pass
    pongs = [arrived]
    handler.send_text("end")
    while (arrived := await peer.frame()) != (TEXT, b"end"):
        pongs.append(arrived)
    assert pongs[-1] == (PONG, b"%d" % (count - 1))
    assert len(pongs) <= 2


@pytest.mark.gen_test
async def test_the_pings_of_tornados_settings_work(door: Door) -> None:
    door.pings = (0.05, 0.05)
    peer, handler = await door.enter()
    for _ in range(3):
        assert await peer.frame() == (PING, b"")
        peer.writer.write(frame(PONG))
    assert await peer.frame() == (PING, b"")
    assert await peer.frame() == (CLOSE, struct.pack("!H", 1000) + b"ping timed out")
    peer.writer.write(frame(CLOSE, struct.pack("!H", 1000)))
    await handler.ended.wait()


# Out


@pytest.mark.gen_test
async def test_complete_frames_leave_as_they_are(door: Door) -> None:
    peer, handler = await door.enter()
    gather = Gather()
    handler.hold(encode_frame(TEXT, b"1"), gather)
    handler.hold(encode_frame(TEXT, b"x" * 70_000), gather)
    handler.hold(encode_frame(BINARY, b"y" * 200), gather)
    assert [await peer.receive() for _ in range(3)] == ["1", "x" * 70_000, b"y" * 200]
    handler.end()
    handler.hold(encode_frame(TEXT, b"late"), gather)
    assert await peer.ended() == 1000


@pytest.mark.gen_test
async def test_tornados_own_way_to_send_works(door: Door) -> None:
    peer, handler = await door.enter()
    await handler.write_message({"a": 1})
    await handler.write_message(b"b", binary=True)
    assert [await peer.receive(), await peer.receive()] == ['{"a": 1}', b"b"]
    handler.end()
    with pytest.raises(WebSocketClosedError):
        handler.write_message("late")
    with pytest.raises(WebSocketClosedError):
        handler.ping()


@pytest.mark.gen_test
async def test_what_was_sent_before_the_end_arrives_though_the_peer_is_slow(door: Door) -> None:
    peer, handler = await door.enter()
    peer.stop_reading()
    while not handler.buffered:
        handler.send_binary(bytes(100_000))
    handler.send_text("last")
    handler.end(1012)
    peer.read_on()
    last = None
    while (arrived := await peer.frame()) is not None and arrived[0] != CLOSE:
        last = arrived
    assert (last, arrived) == ((TEXT, b"last"), (CLOSE, struct.pack("!H", 1012)))
    peer.writer.write(frame(CLOSE, struct.pack("!H", 1012)))
    await asyncio.wait_for(handler.ended.wait(), 3)


@pytest.mark.gen_test
async def test_abort_throws_away_what_has_not_left(door: Door) -> None:
    peer, handler = await door.enter()
    peer.stop_reading()
    while handler.buffered < 1_000_000:
        handler.send_binary(bytes(100_000))
    end = socket_of(handler)
    handler.abort()
    await asyncio.wait_for(handler.ended.wait(), 3)
    assert end.fileno() < 0
    assert (handler.buffered, handler.sent) == (0, 0)


@pytest.mark.gen_test
async def test_a_peer_that_does_not_read_its_farewell_is_cut_in_time(door: Door) -> None:
    peer, handler = await door.enter()
    peer.stop_reading()
    while not handler.buffered:
        handler.send_binary(bytes(100_000))
    peer.writer.write(frame(CLOSE, struct.pack("!H", 1000)))
    started = time.perf_counter()
    end = socket_of(handler)
    await handler.ended.wait()
    while end.fileno() >= 0:
        await asyncio.sleep(0.01)
    assert time.perf_counter() - started < 2.7


@pytest.mark.gen_test
async def test_a_peer_that_resets_in_the_midst_of_the_upgrade_is_no_fault(door: Door) -> None:
    request = (
        "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    for _ in range(30):
        link = socket.create_connection(("127.0.0.1", door.port))
        link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        link.sendall(request.encode())
        link.close()
        await asyncio.sleep(0.002)
    await asyncio.sleep(0.05)
    peer, _ = await door.enter()
    peer.send("still here")
    assert await peer.receive() == "still here"


def hold_what_comes(handler: Echo) -> None:
    gather = Gather()

    def answer(message: str | bytes) -> None:
        assert isinstance(message, str)
        handler.hold(encode_frame(TEXT, message.encode()), gather)

    handler.answer = answer  # type: ignore[method-assign]


@pytest.mark.gen_test
async def test_what_was_answered_leaves_before_the_answer_to_a_close(door: Door) -> None:
    door.synchronous = True
    peer, handler = await door.enter()
    hold_what_comes(handler)
    peer.writer.write(frame(TEXT, b"last") + frame(CLOSE, struct.pack("!H", 1000)))
    assert [await peer.frame() for _ in range(2)] == [(TEXT, b"last"), (CLOSE, b"\x03\xe8")]


@pytest.mark.gen_test
async def test_what_was_answered_leaves_before_a_violation_is_told(door: Door) -> None:
    door.synchronous = True
    peer, handler = await door.enter()
    hold_what_comes(handler)
    peer.writer.write(frame(TEXT, b"last") + frame(3, b""))
    assert [await peer.frame() for _ in range(2)] == [(TEXT, b"last"), (CLOSE, struct.pack("!H", 1002))]


@pytest.mark.gen_test
async def test_much_that_is_held_does_not_wait_for_the_end_of_the_turn(door: Door) -> None:
    peer, handler = await door.enter()
    gather = Gather()
    for _ in range(20):
        handler.hold(encode_frame(TEXT, b"x" * 8_000), gather)
        assert handler.buffered < 60_000 or handler.sent
    for _ in range(20):
        assert await peer.receive() == "x" * 8_000
