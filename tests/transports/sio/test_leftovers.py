"""Whatever a client does, and whenever it leaves, nothing of it stays behind."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tornado.ioloop import IOLoop

from tests.conftest import ExpectLog
from tests.transports.peer import BINARY, TEXT, Peer, frame
from tests.transports.sio.conftest import ENGINE, SOCKET, Build, Site

PLACE = '{"_placeholder":true,"num":0}'
PACKETS = st.sampled_from(
    [
        *("40", "40{}", "40/custom,", "40/random", "41", "41/custom,", "1", "2", "3", "5", "6", "2probe"),
        *(
            '42["message",1]',
            '421["message-with-ack",1]',
            '42["connect"]',
            "42[]",
            "430[]",
            "4",
            "",
            "b",
            "bAQ==",
        ),
        *(f'451-["message",{PLACE}]', f'452-["message",{PLACE}]', "4" + "[" * 5000, "4" + "x" * 12_000),
    ]
) | st.text(max_size=20)
FRAMES = st.one_of(
    PACKETS.map(lambda text: frame(TEXT, text.encode("utf-8", "surrogatepass"))),
    st.binary(max_size=20).map(lambda data: frame(BINARY, data)),
    st.builds(
        frame,
        st.integers(0, 15),
        st.binary(max_size=200),
        final=st.booleans(),
        reserved=st.sampled_from([0, 0, 0, 0x40]),
        masked=st.sampled_from([True, True, True, False]),
    ),
    st.binary(max_size=30),
)
BODIES = st.lists(PACKETS, max_size=4).map("\x1e".join).map(
    lambda s: s.encode("utf-8", "surrogatepass")
) | st.binary(max_size=30)
FUZZ = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


async def quiet_receive(peer: Peer) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.02):
            await peer.reader.read()


@FUZZ
@given(st.sampled_from([ENGINE, SOCKET]), st.booleans(), st.lists(FRAMES, max_size=8))
def test_any_frames_at_all_leave_nothing(
    io_loop: IOLoop, site: Site, path: str, connect: bool, frames: list[bytes]
) -> None:
    async def attack() -> None:
        peer = await site.websocket(path)
        if connect:
            peer.send("40")
        with contextlib.suppress(ConnectionError):
            for data in frames:
                peer.writer.write(data)
            await quiet_receive(peer)
        peer.cut()
        await site.settled()

    io_loop.run_sync(attack, timeout=10)


@FUZZ
@given(st.sampled_from([ENGINE, SOCKET]), st.lists(BODIES, max_size=4), st.booleans(), st.booleans())
def test_any_posts_at_all_leave_nothing(
    io_loop: IOLoop, site: Site, path: str, bodies: list[bytes], polled: bool, upgrade: bool
) -> None:
    async def attack() -> None:
        session = await site.polling(path)
        poll = session.poll() if polled else None
        if upgrade:
            peer = await site.websocket(path, session.sid)
            peer.send("2probe", "5")
        for body in bodies:
            assert (await session.post(body)).code in (200, 400, 413)
        for server in (site.engine, site.sio.eio):
            await server.disconnect()
        if poll is not None:
            assert (await poll).code in (200, 400)
        await site.fetch(session.url)
        await site.settled()

    io_loop.run_sync(attack, timeout=10)


@pytest.mark.parametrize("end", ["cut", "close packet", "abort", "violation", "finish"])
@pytest.mark.parametrize("verdict", [None, False, ValueError])
@pytest.mark.gen_test(timeout=15)
async def test_one_who_leaves_while_the_connect_handler_runs_leaves_nothing(
    site: Site, expect_log: ExpectLog, end: str, verdict: Any
) -> None:
    expect_log("a handler failed: ValueError", required=False)
    entered: list[str] = []
    left: list[str] = []
    running, gate = asyncio.Event(), asyncio.Event()

    async def connect(sid: str, environ: object, auth: object) -> Any:
        running.set()
        await gate.wait()
        await site.sio.enter_room(sid, "room")
        if verdict is ValueError:
            raise ValueError
        if verdict is None:
            entered.append(sid)
        return verdict

    site.sio.on("connect", connect)
    site.sio.on("disconnect", lambda sid, reason: left.append(sid))
    for number in range(10):
        session = await site.polling()
        socket = site.watch()
        running.clear()
        gate.clear()
        post = asyncio.ensure_future(session.post("40"))
        await running.wait()
        if end == "close packet":
            await session.post("1")
        elif end == "violation":
            await session.post("4x")
        elif end == "abort":
            socket.abort(1000)
        elif end == "finish":
            socket.finish()
        else:
            peer = await site.dial(site.port)
            peer.request("GET", session.url)
            while not socket._wire.outbox.polled:
                await asyncio.sleep(0.001)
            peer.cut()
        while not site.events:
            await asyncio.sleep(0.001)
        # The goodbye may come before the welcome is through, or after it.
        await asyncio.sleep(0.01 if number % 2 else 0)
        gate.set()
        await post
        assert len(site.events) == 1
        site.events.clear()
        await session.poll()
        await site.settled()
        assert entered == left


@pytest.mark.gen_test(timeout=15)
async def test_a_websocket_that_goes_while_the_connect_handler_runs_is_noticed_at_once(site: Site) -> None:
    gate = asyncio.Event()
    left: list[str] = []

    async def connect(sid: str, environ: object, auth: object) -> None:
        await gate.wait()

    site.sio.on("connect", connect)
    site.sio.on("disconnect", lambda sid, reason: left.append(reason))
    for count in range(1, 51):
        gate.clear()
        peer = await site.websocket()
        peer.send("40")
        while not site.sio.manager.pending_connect:
            await asyncio.sleep(0)
        site.watch()
        peer.cut()
        while not site.events:
            await asyncio.sleep(0.001)
        assert site.events == ["transport close"]
        site.events.clear()
        gate.set()
        await site.settled()
        assert left == ["transport close"] * count


@pytest.mark.gen_test
async def test_a_hundred_clients_come_and_go_by_every_way_out(site: Site) -> None:
    async def one(number: int) -> None:
        peer = await site.connected()
        ways: list[Callable[[], Any]] = [
            peer.cut,
            lambda: peer.send("1"),
            lambda: peer.send("41"),
            lambda: peer.send("x"),
            peer.writer.close,
        ]
        ways[number % 5]()
        await asyncio.sleep(0.01)
        peer.cut()

    tasks = asyncio.all_tasks()
    for batch in range(5):
        await asyncio.gather(*(one(batch * 20 + n) for n in range(20)))
    await site.settled()
    await asyncio.sleep(0.05)
    assert asyncio.all_tasks() <= tasks


@pytest.mark.gen_test
async def test_shutdown_ends_every_connection(build: Build) -> None:
    site = build()
    peers = [await site.connected() for _ in range(3)]
    session = await site.polling()
    poll = await session.pending()
    await site.sio.shutdown()
    assert [await peer.ended() for peer in peers] == [1001] * 3
    assert (await poll).code == 400
    await site.settled()
