"""Pings and pongs with sub-second timing, and what silence leads to."""

import asyncio

import pytest

from tests.transports.sio.conftest import ENGINE, Build, Site

INTERVAL, TIMEOUT = 0.15, 0.1


@pytest.fixture
def quick(build: Build) -> Site:
    return build(ping_interval=INTERVAL, ping_timeout=TIMEOUT)


@pytest.mark.gen_test
async def test_pings_go_on_as_long_as_they_are_answered_on_a_websocket(quick: Site) -> None:
    peer = await quick.websocket(ENGINE)
    started = asyncio.get_running_loop().time()
    for _ in range(3):
        assert await peer.receive() == "2"
        peer.send("3")
    assert 3 * INTERVAL - 0.01 < asyncio.get_running_loop().time() - started < 3 * INTERVAL + 0.2


@pytest.mark.gen_test
async def test_pings_go_on_as_long_as_they_are_answered_on_polling(quick: Site) -> None:
    session = await quick.polling(ENGINE)
    for _ in range(3):
        assert await session.get() == "2"
        assert (await session.post("3")).code == 200


@pytest.mark.gen_test
async def test_silence_ends_a_websocket(quick: Site) -> None:
    peer = await quick.websocket(ENGINE)
    quick.watch(quick.engine)
    assert await peer.receive() == "2"
    assert await peer.ended() == 1000
    assert quick.events == ["ping timeout"]


@pytest.mark.gen_test
async def test_silence_ends_polling_when_it_is_due_and_not_later(quick: Site) -> None:
    session = await quick.polling(ENGINE)
    quick.watch(quick.engine)
    await asyncio.sleep(INTERVAL + TIMEOUT + 0.005)
    assert quick.events == ["ping timeout"]
    assert await session.gone()


@pytest.mark.gen_test
async def test_pongs_that_nobody_asked_for_prove_nothing(quick: Site) -> None:
    peer = await quick.websocket(ENGINE)
    quick.watch(quick.engine)
    ping = asyncio.ensure_future(peer.receive())
    for _ in range(8):
        peer.send("3")
        await asyncio.sleep(INTERVAL / 5)
    assert ping.done()
    assert await ping == "2"
    assert quick.events == []


@pytest.mark.gen_test
async def test_a_ping_travels_over_an_upgrade(quick: Site) -> None:
    session = await quick.polling(ENGINE)
    peer = await quick.websocket(ENGINE, session.sid)
    peer.send("2probe")
    assert await peer.receive() == "3probe"
    await asyncio.sleep(INTERVAL + 0.02)
    peer.send("5")
    assert await peer.receive() == "2"
    peer.send("3")
    assert await peer.receive() == "2"


@pytest.mark.gen_test
async def test_one_whom_the_application_does_not_read_is_not_blamed(quick: Site) -> None:
    peer = await quick.websocket(ENGINE)
    gate: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    quick.watch(quick.engine).readable = lambda: None if gate.done() else gate
    peer.send("4hold")
    assert await peer.receive() == "4hold"
    assert await peer.receive() == "2"
    peer.send("3")
    await asyncio.sleep(3 * TIMEOUT)
    assert quick.events == []
    gate.set_result(None)
    assert await peer.receive() == "2"


@pytest.mark.gen_test
async def test_a_closed_connection_keeps_no_timer_and_no_task(quick: Site) -> None:
    tasks = asyncio.all_tasks()
    sockets = []
    for _ in range(5):
        peer = await quick.websocket(ENGINE)
        sockets.append(quick.only(quick.engine))
        peer.send("1")
        await peer.ended()
        await peer.close()
    await quick.settled()
    await asyncio.sleep(0.05)
    assert all(socket._heartbeat._handle.cancelled() for socket in sockets)  # type: ignore[union-attr]
    assert asyncio.all_tasks() <= tasks
