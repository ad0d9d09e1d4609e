"""Who does not sign in does not stay: at every stage and on every transport."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.conftest import ExpectLog
from tests.doors.conftest import Build
from tests.support.clients import Refusal, upgrade_status
from tests.support.house import House
from tests.transports.peer import TEXT, Peer, frame

IDENTIFY = 0.3
SOON = IDENTIFY + 4.0
POLLING = "/socket.io/?EIO=4&transport=polling"

Stage = Callable[[Peer], Awaitable[None]]


async def silence(peer: Peer) -> None:
    """Nothing at all."""


async def half_a_header(peer: Peer) -> None:
    peer.writer.write(b"GET / HTTP/1.1\r\nHost: chat\r\nX-")


async def trickled_header(peer: Peer) -> None:
    peer.writer.write(b"GET / HTTP/1.1\r\n")
    await trickle(peer, b"X-Header: " + b"x" * 1000)


async def trickled_body(peer: Peer) -> None:
    sid = await handshake(peer)
    peer.writer.write(
        f"POST {POLLING}&sid={sid} HTTP/1.1\r\nHost: chat\r\nContent-Length: 1000\r\n\r\n40".encode()
    )
    await trickle(peer, b"x" * 900)


async def trickled_body_for_nobody(peer: Peer) -> None:
    peer.writer.write(b"POST /healthz HTTP/1.1\r\nHost: chat\r\nContent-Length: 1000\r\n\r\n")
    await trickle(peer, b"x" * 900)


async def upgraded_to_the_raw_door(peer: Peer) -> None:
    await peer.upgrade("/ws")


async def commands_before_the_sign_in(peer: Peer) -> None:
    await peer.upgrade("/ws")
    await trickle(peer, frame(TEXT, b'{"event":"history"}'), times=100)


async def upgraded_to_socketio(peer: Peer) -> None:
    await peer.upgrade("/socket.io/?EIO=4&transport=websocket")


async def probed_and_not_connected(peer: Peer) -> None:
    other = await Peer.connect(peer.writer.get_extra_info("peername")[1])
    sid = await handshake(other)
    await peer.upgrade(f"/socket.io/?EIO=4&transport=websocket&sid={sid}")
    peer.send("2probe")
    assert await peer.receive() == "3probe"
    peer.send("5")
    await other.close()


STAGES: dict[str, Stage] = {
    stage.__name__: stage
    for stage in (
        silence,
        half_a_header,
        trickled_header,
        trickled_body,
        trickled_body_for_nobody,
        upgraded_to_the_raw_door,
        commands_before_the_sign_in,
        upgraded_to_socketio,
        probed_and_not_connected,
    )
}


async def handshake(peer: Peer) -> str:
    """Begins a polling session; gives its name."""
    peer.request("GET", POLLING)
    opening = await peer.response()
    return opening.partition('"sid":"')[2].partition('"')[0]


async def trickle(peer: Peer, data: bytes, times: int = 1) -> None:
    """Byte by byte, or as a whole again and again, until the other side has had enough."""
    parts = [data] * times if times > 1 else [bytes([byte]) for byte in data]
    async with asyncio.timeout(SOON):
        for part in parts:
            if peer.reader.at_eof() or peer.writer.is_closing():
                return
            peer.writer.write(part)
            await asyncio.sleep(0.01)


async def gone(peer: Peer, patience: float = SOON) -> None:
    """Reads until the end of the TCP connection."""
    async with asyncio.timeout(patience):
        try:
            while await peer.reader.read(65_536):
                pass
        except ConnectionError:
            return


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.gen_test(timeout=20)
async def test_a_stranger_is_cut_off_in_time(build: Build, stage: str, expect_log: ExpectLog) -> None:
    expect_log("Timeout reading body", required=False)
    house = await build(limits={"identify": IDENTIFY}, interval=20, timeout=20)
    peer = await Peer.connect(house.app.port)
    await STAGES[stage](peer)
    await gone(peer)
    await peer.close()
    await nobody_is_left(house)


@pytest.mark.parametrize(
    "stage", ["silence", "half_a_header", "upgraded_to_the_raw_door", "upgraded_to_socketio"]
)
@pytest.mark.gen_test(timeout=20)
async def test_switched_off_a_stranger_stays(build: Build, stage: str) -> None:
    house = await build(limits={"identify": 3600.0}, interval=20, timeout=20)
    peer = await Peer.connect(house.app.port)
    await STAGES[stage](peer)
    with pytest.raises(TimeoutError):
        await gone(peer, 4 * IDENTIFY)
    await peer.close()


@pytest.mark.gen_test(timeout=20)
async def test_polling_sessions_that_nobody_signs_in_end_without_a_poll(build: Build) -> None:
    house = await build(limits={"identify": IDENTIFY}, interval=20, timeout=20)
    peer = await Peer.connect(house.app.port)
    for _ in range(20):
        await handshake(peer)
    assert house.app.doorway.places.taken == 20
    await nobody_is_left(house, tcp=1)
    await peer.close()


@pytest.mark.gen_test(timeout=20)
async def test_a_connection_that_rests_too_long_between_two_requests_ends(build: Build) -> None:
    house = await build(limits={"identify": 5.0, "idle": IDENTIFY})
    peer = await Peer.connect(house.app.port)
    for _ in range(2):
        peer.request("GET", "/healthz")
        assert await peer.response() == "alive\n"
        await asyncio.sleep(IDENTIFY / 3)
    await gone(peer)
    await peer.close()


@pytest.mark.gen_test(timeout=30)
async def test_answers_that_nobody_takes_end_their_connection(build: Build) -> None:
    house = await build(limits={"identify": 5.0, "stalled": IDENTIFY})
    peer = await Peer.connect(house.app.port)
    peer.stop_reading()
    for _ in range(400):
        peer.request("GET", "/protocol.json")
    async with asyncio.timeout(10):
        while not house.app._server.places.taken:
            await asyncio.sleep(0.01)
        while house.app._server.places.taken:
            await asyncio.sleep(0.05)
    peer.cut()


@pytest.mark.gen_test(timeout=20)
async def test_headers_beyond_their_bound_are_refused(house: House, expect_log: ExpectLog) -> None:
    expect_log("Unsatisfiable read", required=False)
    peer = await Peer.connect(house.app.port)
    peer.writer.write(b"GET /healthz HTTP/1.1\r\nX-Long: " + b"x" * 100_000)
    await gone(peer)
    await peer.close()


async def nobody_is_left(house: House, tcp: int = 0) -> None:
    """Waits until every count is back at its base."""
    app: Any = house.app
    async with asyncio.timeout(SOON):
        while app.doorway.places.taken or app._server.places.taken > tcp or app.socketio.eio.sockets:
            await asyncio.sleep(0.02)
    assert sum(app.doorway.open.values()) == 0


# Bounds on how many there may be


@pytest.mark.gen_test(timeout=20)
async def test_beyond_the_links_of_an_address_new_ones_get_429(build: Build, expect_log: ExpectLog) -> None:
    expect_log("connections are refused: one address")
    house = await build(limits={"connections_per_address": 2}, interval=20, timeout=20)
    alice = await house.enter("alice")
    peer = await Peer.connect(house.app.port)
    await handshake(peer)
    for path in (POLLING, "/ws"):
        if path == POLLING:
            peer.request("GET", path)
            await peer.response()
            assert (peer.status, peer.headers["retry-after"]) == (429, "10")
        else:
            assert await upgrade_status(house.url + path) == 429
    assert await upgrade_status(f"{house.url}/socket.io/?EIO=4&transport=websocket") == 429
    assert "data" in await alice.command("users")
    await alice.close()
    await peer.close()


@pytest.mark.gen_test(timeout=20)
async def test_sessions_without_a_tcp_connection_count(build: Build, expect_log: ExpectLog) -> None:
    expect_log("connections are refused: one address")
    house = await build(limits={"connections_per_address": 50}, interval=20, timeout=20)
    peer = await Peer.connect(house.app.port)
    answers = []
    for _ in range(200):
        peer.request("GET", POLLING)
        await peer.response()
        answers.append(peer.status)
    assert answers == [200] * 50 + [429] * 150
    assert len(house.app.socketio.eio.sockets) == 50
    await peer.close()


@pytest.mark.gen_test(timeout=20)
async def test_switched_off_there_is_no_end_of_sessions(build: Build) -> None:
    house = await build(limits={"connections_per_address": None, "connections": 10_000}, off=True)
    peer = await Peer.connect(house.app.port)
    for _ in range(1_100):
        await handshake(peer)
    assert len(house.app.socketio.eio.sockets) == 1_100
    await peer.close()


@pytest.mark.gen_test(timeout=20)
async def test_a_proxy_s_clients_are_counted_one_by_one(build: Build, expect_log: ExpectLog) -> None:
    expect_log("connections are refused: one address")
    house = await build(limits={"connections_per_address": 1}, server={"trusted_proxies": ["127.0.0.1"]})
    peers = [await Peer.connect(house.app.port) for _ in range(8)]
    for number, peer in enumerate(peers[:6]):
        peer.request("GET", POLLING, X_Forwarded_For=f"203.0.113.{number}")
        await peer.response()
    peers[6].request("GET", POLLING, X_Forwarded_For="203.0.113.5")
    await peers[6].response()
    assert [peer.status for peer in peers[:7]] == [200] * 6 + [429]
    for peer in peers:
        await peer.close()


@pytest.mark.gen_test(timeout=20)
async def test_beyond_the_total_tcp_connections_get_503_and_others_go_on(
    build: Build, expect_log: ExpectLog
) -> None:
    expect_log("connections are refused: as many are open")
    house = await build(limits={"connections": 5})
    alice = await house.enter("alice")
    waiting = [await Peer.connect(house.app.port) for _ in range(4)]
    late = await Peer.connect(house.app.port)
    await late.response()
    assert (late.status, late.headers["retry-after"]) == (503, "10")
    assert "data" in await alice.command("users")
    for peer in waiting:
        await peer.close()
    async with asyncio.timeout(5):
        while house.app._server.places.taken > 1:
            await asyncio.sleep(0.01)
    bob = await house.enter("bob")
    assert "data" in await bob.command("users")
    await late.close()


@pytest.mark.parametrize("door", ["raw", "websocket", "polling"])
@pytest.mark.gen_test(timeout=20)
async def test_one_user_has_so_many_connections_and_is_told(build: Build, door: str) -> None:
    house = await build(limits={"connections_per_user": 2})
    alice = await house.enter("alice", door)
    second = await house.again(alice)
    with pytest.raises(Refusal) as refused:
        await house.again(alice, door)
    error = refused.value.error
    told = error if door == "raw" else error["data"]
    assert (told["code"], told["retryable"]) == ("too_many_connections", True)
    if door == "raw":
        assert refused.value.code == 1013
    assert house.app.hub.count(alice.session["userID"]) == 2
    await second.close()
    async with asyncio.timeout(5):
        while house.app.hub.count(alice.session["userID"]) > 1:
            await asyncio.sleep(0.01)
    again = await house.again(alice, door)
    assert "data" in await again.command("users")
    assert "data" in await (await house.enter("bob")).command("users")
