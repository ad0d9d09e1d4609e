"""From polling to WebSocket: nothing lost, nothing doubled, nothing overtaken, and no way back."""

import asyncio

import pytest
import socketio

from tests.transports.peer import Peer
from tests.transports.sio.conftest import ENGINE, Build, Polling, Site


async def probed(site: Site, session: Polling) -> Peer:
    """A WebSocket that has proved itself and not yet taken over."""
    peer = await site.websocket(session.path, session.sid)
    assert peer.status == 101
    peer.send("2probe")
    assert await peer.receive() == "3probe"
    return peer


@pytest.mark.gen_test
async def test_polls_are_let_go_while_packets_wait_for_the_websocket(site: Site) -> None:
    session = await site.polling(ENGINE)
    pending = await session.pending()
    peer = await probed(site, session)
    assert (await pending).body == b"6"
    socket = site.only(site.engine)
    socket.push("4a", b"\x01")
    socket.push("4b")
    assert await session.get() == "6"
    assert await session.get() == "6"
    peer.send("5")
    assert [await peer.receive() for _ in range(3)] == ["4a", b"\x01", "4b"]
    peer.send("4hello")
    assert await peer.receive() == "4hello"
    assert site.engine.transport(session.sid) == "websocket"


@pytest.mark.gen_test
async def test_no_noop_is_sent_on_the_websocket(site: Site) -> None:
    session = await site.polling(ENGINE)
    peer = await probed(site, session)
    peer.send("5", "4first")
    assert await peer.receive() == "4first"


@pytest.mark.gen_test
async def test_http_is_refused_after_the_upgrade_and_does_no_harm(site: Site) -> None:
    session = await site.polling(ENGINE)
    peer = await probed(site, session)
    peer.send("5", "4a")
    assert await peer.receive() == "4a"
    assert await session.gone()
    assert (await session.post("1")).code == 400
    peer.send("4b")
    assert await peer.receive() == "4b"


@pytest.mark.parametrize("stage", ["before the probe", "before the upgrade", "after the upgrade"])
@pytest.mark.gen_test
async def test_a_second_websocket_is_closed_and_does_no_harm(site: Site, stage: str) -> None:
    session = await site.polling(ENGINE)
    first = await site.websocket(ENGINE, session.sid)
    said = {"before the probe": [], "before the upgrade": ["2probe"], "after the upgrade": ["2probe", "5"]}[
        stage
    ]
    first.send(*said)
    if said:
        assert await first.receive() == "3probe"
    second = await site.websocket(ENGINE, session.sid)
    second.send("2probe")
    assert await second.ended() == 1008
    first.send(*["2probe", "5"][len(said) :], "4still")
    answers = [str(await first.receive())]
    if answers == ["3probe"]:
        answers.append(str(await first.receive()))
    assert answers[-1] == "4still"


@pytest.mark.parametrize("said", [["4x"], ["2"], ["2probex"], ["5"], ["2probe", "4x"], ["2probe", "2probe"]])
@pytest.mark.gen_test
async def test_a_websocket_that_says_the_wrong_thing_leaves_polling_as_it_was(
    site: Site, said: list[str]
) -> None:
    session = await site.polling(ENGINE)
    peer = await site.websocket(ENGINE, session.sid)
    peer.send(*said)
    assert await peer.ended() == 1002
    await session.post("4a")
    assert await session.get() == "4a"
    again = await probed(site, session)
    again.send("5", "4b")
    assert await again.receive() == "4b"


@pytest.mark.parametrize("proven", [False, True])
@pytest.mark.gen_test
async def test_a_websocket_that_leaves_on_the_way_leaves_polling_as_it_was(site: Site, proven: bool) -> None:
    session = await site.polling(ENGINE)
    peer = await probed(site, session) if proven else await site.websocket(ENGINE, session.sid)
    site.only(site.engine).push("4kept")
    peer.cut()
    while site.only(site.engine)._wire.ws is not None:
        await asyncio.sleep(0.001)
    assert await session.get() == "4kept"


@pytest.mark.gen_test
async def test_an_upgrade_takes_its_time_but_not_for_ever(build: Build) -> None:
    site = build(upgrade_timeout=0.1)
    session = await site.polling(ENGINE)
    peer = await probed(site, session)
    assert await peer.ended() == 1008
    await session.post("4a")
    assert await session.get() == "4a"


@pytest.mark.gen_test
async def test_a_session_that_ends_takes_the_websocket_under_way_with_it(site: Site) -> None:
    session = await site.polling(ENGINE)
    site.watch(site.engine)
    peer = await probed(site, session)
    await session.post("1")
    assert await peer.ended() == 1000
    assert site.events == ["client disconnect"]


@pytest.mark.gen_test(timeout=20)
async def test_a_stream_keeps_its_order_through_fifty_upgrades(site: Site) -> None:
    async def one(number: int) -> None:
        session = await site.polling(ENGINE)
        socket = site.engine.sockets[session.sid]
        total, sent = 300, 0
        taken: list[int] = []

        async def stream() -> None:
            nonlocal sent
            while sent < total:
                socket.push(f"4{sent}")
                sent += 1
                if sent % 3 == number % 3:
                    await asyncio.sleep(0)

        streaming = asyncio.ensure_future(stream())
        taken += _numbers(await session.get())
        peer = await site.websocket(ENGINE, session.sid)
        peer.send("2probe")
        poll = session.poll()
        assert await peer.receive() == "3probe"
        taken += _numbers((await poll).body.decode())
        peer.send("5")
        while len(taken) < total:
            taken += _numbers(str(await peer.receive()))
        assert taken == list(range(total))
        await streaming

    for batch in range(5):
        await asyncio.gather(*(one(batch * 10 + n) for n in range(10)))


def _numbers(payload: str) -> list[int]:
    return [int(packet[1:]) for packet in payload.split("\x1e") if packet[0] == "4"]


@pytest.mark.gen_test(timeout=20)
async def test_the_python_client_gets_all_in_order_while_it_upgrades(site: Site) -> None:
    """python-socketio's own client upgrades while the server is already sending."""

    async def burst(sid: str, environ: object, auth: object) -> None:
        async def stream() -> None:
            for number in range(200):
                await site.sio.emit("n", number, to=sid)
                await asyncio.sleep(0)

        site.sio.start_background_task(stream)

    site.sio.on("connect", burst)
    for _ in range(5):
        client = socketio.AsyncClient(reconnection=False)
        taken: list[int] = []
        acknowledged: list[int] = []
        client.on("n", taken.append)
        await client.connect(f"http://127.0.0.1:{site.port}", transports=["polling", "websocket"])
        for number in range(50):
            acknowledged.append(await client.call("message-with-ack", number))
        while len(taken) < 200:
            await asyncio.sleep(0.005)
        assert client.transport() == "websocket"
        assert taken == list(range(200))
        assert acknowledged == list(range(50))
        await client.disconnect()
