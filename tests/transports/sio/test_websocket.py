"""A session on WebSocket from the start: frames, back-pressure, and the ways it ends."""

import asyncio
import socket
import struct
import time

import pytest

from tests.transports.peer import CLOSE, TEXT, frame
from tests.transports.sio.conftest import ENGINE, SOCKET, Build, Site

LIMIT = 10_000


@pytest.mark.gen_test
async def test_text_and_binary_are_echoed_in_order(site: Site) -> None:
    peer = await site.websocket(ENGINE)
    peer.send("4hello", b"\x01\x02", "4", b"", "4é")
    assert [await peer.receive() for _ in range(5)] == ["4hello", b"\x01\x02", "4", b"", "4é"]


@pytest.mark.parametrize("packet", ["abc", "", "0", "2", "2probe", "5", "6", "7", "b4AQ=="])
@pytest.mark.gen_test
async def test_what_is_no_packet_of_a_client_closes_in_the_same_turn(site: Site, packet: str) -> None:
    peer = await site.websocket(ENGINE)
    site.watch(site.engine)
    peer.send(packet, "4late")
    assert await peer.ended() == 1002
    assert site.events == ["transport error"]


@pytest.mark.gen_test
async def test_broken_framing_ends_the_session(site: Site) -> None:
    peer = await site.websocket(ENGINE)
    site.watch(site.engine)
    peer.writer.write(frame(TEXT, b"\xff"))
    assert await peer.ended() == 1007
    assert site.events == ["transport close"]


@pytest.mark.gen_test
async def test_the_largest_message_is_taken_and_one_byte_more_is_told_so(site: Site) -> None:
    peer = await site.websocket(ENGINE)
    peer.send("4" + "x" * (LIMIT - 1))
    assert len(await peer.receive()) == LIMIT
    peer.send("4" + "x" * LIMIT)
    assert await peer.ended() == 1009


@pytest.mark.gen_test
async def test_a_close_packet_closes(site: Site) -> None:
    peer = await site.websocket(ENGINE)
    site.watch(site.engine)
    peer.send("1")
    assert await peer.ended() == 1000
    assert site.events == ["client disconnect"]


@pytest.mark.gen_test
async def test_a_peer_that_leaves_is_noticed_once(site: Site) -> None:
    peer = await site.websocket(ENGINE)
    socket = site.watch(site.engine)
    peer.cut()
    await asyncio.wait_for(asyncio.wait({socket._over}), 1)
    assert site.events == ["transport close"]
    socket.abort(1000)
    socket.finish()
    assert site.events == ["transport close"]


@pytest.mark.gen_test
async def test_abort_closes_with_its_code_and_without_a_packet(site: Site) -> None:
    peer = await site.websocket(ENGINE)
    site.watch(site.engine).abort(1012)
    assert await peer.frame() == (CLOSE, (1012).to_bytes(2, "big"))
    assert site.events == ["server disconnect"]
    cut = await site.websocket(ENGINE)
    site.only(site.engine).abort(None)
    assert await cut.frame() is None


@pytest.mark.gen_test
async def test_finish_comes_after_what_was_sent(site: Site) -> None:
    peer = await site.websocket(ENGINE)
    socket = site.watch(site.engine)
    socket.push("4last")
    socket.finish()
    assert site.events == ["server disconnect"]
    assert await peer.receive() == "4last"
    assert await peer.ended() == 1000


@pytest.mark.gen_test
async def test_a_second_websocket_without_a_poll_session_is_none_of_its_business(site: Site) -> None:
    peer = await site.websocket(ENGINE)
    late = await site.websocket(ENGINE, site.only(site.engine).sid)
    assert await late.ended() == 1008
    peer.send("4still")
    assert await peer.receive() == "4still"


@pytest.mark.gen_test
async def test_http_cannot_touch_a_websocket_session(site: Site) -> None:
    peer = await site.websocket(ENGINE)
    url = site.url(ENGINE, sid=site.only(site.engine).sid)
    assert (await site.fetch(url)).code == 400
    assert (await site.fetch(url, "POST", body="1")).code == 400
    peer.send("4still")
    assert await peer.receive() == "4still"


@pytest.mark.gen_test
async def test_a_slow_reader_cannot_fill_the_memory(build: Build) -> None:
    site = build(max_buffered=100_000)
    peer = await site.websocket(ENGINE)
    socket = site.watch(site.engine)
    peer.stop_reading()
    for _ in range(1000):
        socket.push("4" + "x" * 10_000)
        await asyncio.sleep(0)
        if socket.closed:
            break
    assert site.events == ["transport error"]
    assert socket.buffered == 0
    await asyncio.wait_for(socket.drained(), 1)


@pytest.mark.gen_test
async def test_drained_waits_for_a_slow_reader(site: Site) -> None:
    peer = await site.websocket(ENGINE)
    engine_socket = site.only(site.engine)
    peer.stop_reading()
    while not engine_socket.buffered:
        engine_socket.push("4" + "x" * 100_000)
    before = engine_socket.sent
    waiting = asyncio.ensure_future(engine_socket.drained())
    await asyncio.sleep(0.05)
    assert not waiting.done()
    peer.read_on()
    while not waiting.done():
        await peer.receive()
    assert engine_socket.sent > before


@pytest.mark.gen_test
async def test_while_the_application_holds_reading_back_the_sender_is_stopped(site: Site) -> None:
    peer = await site.websocket(ENGINE)
    gate: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    taken: list[str] = []

    async def take(sid: str, data: str) -> None:
        taken.append(data)

    site.engine.on("message", take)
    site.only(site.engine).readable = lambda: None if gate.done() else gate
    flood = frame(TEXT, b"4" + b"x" * 5000) * 4_000
    peer.writer.transport.set_write_buffer_limits(high=1)
    peer.writer.write(flood)
    sending = asyncio.ensure_future(peer.writer.drain())
    await asyncio.sleep(0.2)
    assert not sending.done()
    assert len(taken) == 1
    gate.set_result(None)
    await sending
    peer.cut()


@pytest.mark.gen_test
async def test_reading_held_back_ends_with_the_connection(site: Site) -> None:
    peer = await site.websocket(ENGINE)
    never: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    engine_socket = site.watch(site.engine)
    engine_socket.readable = lambda: never
    peer.send("4a")
    assert await peer.receive() == "4a"
    peer.cut()
    await site.settled(1)
    assert site.events == ["transport close"]


@pytest.mark.gen_test
async def test_messages_and_answers_cost_no_task_and_no_timer(site: Site) -> None:
    peer = await site.connected()
    tasks = asyncio.all_tasks()
    for _ in range(5):
        peer.send('421["message-with-ack",1]')
        assert await peer.receive() == "431[1]"
    assert asyncio.all_tasks() <= tasks


@pytest.mark.gen_test
async def test_an_event_followed_by_an_acknowledgement_is_not_delayed(site: Site) -> None:
    peer = await site.connected()
    (handler,) = (s._wire.ws for s in site.sio.eio.sockets.values())
    assert handler is not None
    assert handler.ws_connection._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    started = time.perf_counter()
    for _ in range(20):
        peer.send('42["message",1]', '421["message-with-ack",1]')
        await peer.receive()
        await peer.receive()
    assert (time.perf_counter() - started) / 20 < 0.03


@pytest.mark.gen_test
async def test_nothing_is_compressed(site: Site) -> None:
    peer = await site.dial(site.port)
    url = site.url(SOCKET, "EIO=4&transport=websocket")
    await peer.upgrade(url, Sec_WebSocket_Extensions="permessage-deflate; client_max_window_bits")
    assert peer.status == 101
    assert "sec-websocket-extensions" not in peer.headers


@pytest.mark.gen_test
async def test_a_peer_that_resets_in_the_midst_of_the_upgrade_leaves_no_session(site: Site) -> None:
    request = (
        f"GET {site.url(ENGINE, 'EIO=4&transport=websocket')} HTTP/1.1\r\nHost: x\r\n"
        "Upgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    for _ in range(30):
        link = socket.create_connection(("127.0.0.1", site.port))
        link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        link.sendall(request.encode())
        link.close()
        await asyncio.sleep(0.002)
    await asyncio.sleep(0.1)
    assert site.engine.sockets == {}
