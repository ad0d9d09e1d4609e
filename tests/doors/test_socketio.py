"""The Socket.IO door's own ways: what the chat makes of packets, and how it lets go."""

import asyncio
from typing import Any

import msgspec
import pytest
from tornado.httpclient import AsyncHTTPClient

from tests.doors.conftest import Build
from tests.support.clients import PATIENCE, upgrade_status
from tests.support.house import House
from tests.support.wire import FrameLink
from tornadochat.buckets import Rate
from tornadochat.config_rates import RateLimits


class Packets:
    """An Engine.IO WebSocket by hand: every packet that comes, in order."""

    def __init__(self) -> None:
        self.came: asyncio.Queue[str | None] = asyncio.Queue()
        self.link: FrameLink

    async def open(self, house: House) -> None:
        """Opens it; the handshake is read."""
        loop = asyncio.get_running_loop()
        path = "/socket.io/?EIO=4&transport=websocket"
        self.link = FrameLink(path, self.came.put_nowait, lambda: self.came.put_nowait(None))
        await loop.create_connection(lambda: self.link, "127.0.0.1", house.app.port)
        assert (await self.next()).startswith("0{")

    async def enter(self, house: House, **auth: str) -> dict[str, str]:
        """Opens it and signs in; gives the session."""
        await self.open(house)
        return await self.sign_in(**auth)

    async def sign_in(self, **auth: str) -> dict[str, str]:
        """CONNECT, up to `ready`."""
        self.send("40" + msgspec.json.encode(auth).decode())
        assert (await self.next()).startswith('40{"sid":')
        session: dict[str, str] = (await self.event())[1]
        while (await self.event())[0] != "ready":
            pass
        return session

    def send(self, packet: str) -> None:
        """One packet."""
        self.link.send(packet.encode())

    async def next(self) -> str:
        """The next packet, answering pings on the way."""
        while (packet := await asyncio.wait_for(self.came.get(), PATIENCE)) == "2":
            self.send("3")
        assert packet is not None, "the link has gone"
        return packet

    async def event(self) -> Any:
        """The next packet as an event."""
        packet = await self.next()
        assert packet.startswith("42"), packet
        return msgspec.json.decode(packet[2:])

    async def gone(self) -> None:
        """Waits for the end of the link, whatever comes before."""
        while await asyncio.wait_for(self.came.get(), PATIENCE) is not None:
            pass


@pytest.mark.gen_test
async def test_the_connect_packet_comes_first_then_session_users_ready(house: House) -> None:
    page = Packets()
    await page.open(house)
    page.send('40{"username":"ann"}')
    assert (await page.next()).startswith('40{"sid":')
    assert [(await page.event())[0] for _ in range(3)] == ["session", "users", "ready"]
    page.link.transport.abort()


@pytest.mark.gen_test
async def test_two_arguments_get_an_error(house: House) -> None:
    page = Packets()
    await page.enter(house, username="ann")
    page.send('421["users",{},{}]')
    assert (await page.next()).startswith('431[{"error":{"code":"invalid"')
    page.send('42["private message",{},{}]')
    name, error = await page.event()
    assert (name, error["code"], error["command"]) == ("error", "invalid", "private message")
    page.link.transport.abort()


@pytest.mark.gen_test
async def test_half_a_character_gets_an_error_and_the_link_lives(house: House) -> None:
    page = Packets()
    me = (await page.enter(house, username="ann"))["userID"]
    page.send('421["private message",{"to":"' + me + '","content":"cut \\ud83d"}]')
    reply = await page.next()
    assert reply.startswith('431[{"error":{"code":"invalid"')
    assert '"field":"content"' in reply
    page.send('422["sessions"]')
    assert (await page.next()).startswith('432[{"data":')
    page.link.transport.abort()


@pytest.mark.parametrize(
    "packet",
    [
        '42["connect",{"username":"forged"}]',
        '42["disconnect"]',
        '421["private message",{"to":NaN}]',
        '421["private message",{"to":1e999}]',
        "42{}",
        "42[]",
        "42[5]",
        "42",
        '42abc["users"]',
        '451-["users",{"_placeholder":true,"num":0}]',
        '42["users",' + "[" * 200 + "]" * 200 + "]",
        "hello",
        "",
        "4",
        "9",
        '40{"username":"again"}',
        '42/admin,["users"]',
    ],
)
@pytest.mark.gen_test
async def test_what_breaks_the_protocol_ends_the_link_without_a_farewell(house: House, packet: str) -> None:
    page = Packets()
    me = (await page.enter(house, username="ann"))["userID"]
    page.send(packet)
    while (last := await asyncio.wait_for(page.came.get(), PATIENCE)) is not None:
        assert not last.startswith("41")
    assert house.app.hub.of(me) == ()


@pytest.mark.parametrize("auth", ['"text"', "[1]", "true", "7"])
@pytest.mark.gen_test
async def test_a_sign_in_that_is_no_object_ends_the_link(house: House, auth: str) -> None:
    page = Packets()
    await page.open(house)
    page.send(f"40{auth}")
    await page.gone()


@pytest.mark.parametrize("auth", ["", "{}", '{"username":7}', '{"username":"x","pin":1}', '{"sessionID":[]}'])
@pytest.mark.gen_test
async def test_a_bad_sign_in_is_refused_with_code_and_reason(house: House, auth: str) -> None:
    page = Packets()
    await page.open(house)
    page.send(f"40{auth}")
    refusal = await page.next()
    assert refusal.startswith("44")
    data = msgspec.json.decode(refusal[2:])
    assert data["data"]["expected"]
    await page.gone()


@pytest.mark.gen_test
async def test_one_may_leave_and_sign_in_anew_over_the_same_connection(house: House) -> None:
    page = Packets()
    first = await page.enter(house, username="ann")
    page.send("41")
    while house.app.hub.of(first["userID"]):
        await asyncio.sleep(0.001)
    second = await page.sign_in(username="ben")
    assert second["username"] == "ben"
    page.send('421["sessions"]')
    assert (await page.next()).startswith('431[{"data":')
    page.link.transport.abort()


@pytest.mark.gen_test
async def test_one_who_never_connects_is_asked_to_leave(build: Build) -> None:
    house = await build(limits={"identify": 0.05})
    page = Packets()
    await page.open(house)
    await page.gone()


@pytest.mark.gen_test
async def test_a_page_of_another_origin_is_refused_on_every_transport(house: House) -> None:
    headers = {"Origin": "https://evil.example"}
    url = f"{house.url}/socket.io/?EIO=4&transport="
    polling = await AsyncHTTPClient().fetch(url + "polling", headers=headers, raise_error=False)
    assert polling.code == 403
    assert await upgrade_status(url + "websocket", headers) == 403


@pytest.mark.gen_test
async def test_a_configured_origin_may_poll_without_credentials(build: Build) -> None:
    house = await build(server={"origins": ("https://chat.example",)})
    url = f"{house.url}/socket.io/?EIO=4&transport=polling"
    for origin in ("https://chat.example", house.url):
        response = await AsyncHTTPClient().fetch(url, headers={"Origin": origin})
        assert response.headers["Access-Control-Allow-Origin"] == origin
        assert "Access-Control-Allow-Credentials" not in response.headers


@pytest.mark.gen_test
async def test_the_handshake_tells_the_limits(build: Build) -> None:
    house = await build(interval=0.75, timeout=1.5, limits={"frame_bytes": 200_000})
    response = await AsyncHTTPClient().fetch(f"{house.url}/socket.io/?EIO=4&transport=polling")
    opening = msgspec.json.decode(response.body[1:])
    assert (opening["pingInterval"], opening["pingTimeout"], opening["maxPayload"]) == (750, 1500, 200_000)


@pytest.mark.gen_test
async def test_who_is_refused_another_namespace_is_not_welcomed_again(house: House) -> None:
    page = Packets()
    await page.enter(house, username="ann")
    for _ in range(3):
        page.send("40/admin,{}")
        assert await page.next() == '44/admin,{"message":"Invalid namespace"}'
    page.send('420["users"]')
    assert (await page.next()).startswith("430[")
    page.send("1")
    await page.gone()


@pytest.mark.gen_test
async def test_a_post_over_the_bound_is_told_so(house: House) -> None:
    client = AsyncHTTPClient()
    url = f"{house.url}/socket.io/?EIO=4&transport=polling"
    opening = msgspec.json.decode((await client.fetch(url)).body[1:])
    body = "4" + "x" * 140_000
    response = await client.fetch(f"{url}&sid={opening['sid']}", method="POST", body=body, raise_error=False)
    assert response.code == 413
    assert msgspec.json.decode(response.body)["message"] == "Payload too large"


@pytest.mark.parametrize("query", ["&sid=nobody", "&sid=SID"])
@pytest.mark.gen_test
async def test_a_post_that_is_cut_short_leaves_nothing_behind(house: House, query: str) -> None:
    url = f"{house.url}/socket.io/?EIO=4&transport=polling"

    async def cut_short() -> None:
        opening = msgspec.json.decode((await AsyncHTTPClient().fetch(url)).body[1:])
        path = "/socket.io/?EIO=4&transport=polling" + query.replace("SID", opening["sid"])
        _, writer = await asyncio.open_connection("127.0.0.1", house.app.port)
        writer.write(f"POST {path} HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\nhalf".encode())
        await writer.drain()
        await asyncio.sleep(0.02)
        writer.close()
        await writer.wait_closed()

    await cut_short()
    await asyncio.sleep(0.1)
    before = len(asyncio.all_tasks())
    for _ in range(10):
        await cut_short()
    await asyncio.sleep(0.1)
    assert len(asyncio.all_tasks()) <= before


@pytest.mark.gen_test
async def test_a_secret_in_the_url_is_refused(house: House) -> None:
    url = f"{house.url}/socket.io/?EIO=4&transport=polling&sessionID=secret"
    assert (await AsyncHTTPClient().fetch(url, raise_error=False)).code == 400


@pytest.mark.gen_test
async def test_one_post_of_many_packets_lets_others_have_their_turn(house: House) -> None:
    url = f"{house.url}/socket.io/?EIO=4&transport=polling"
    client = AsyncHTTPClient()
    opening = msgspec.json.decode((await client.fetch(url)).body[1:])
    session = f"{url}&sid={opening['sid']}"
    await client.fetch(session, method="POST", body='40{"username":"ann"}')
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.ensure_future(others())
    body = "\x1e".join('42["x"]' for _ in range(5_000))
    posting = asyncio.ensure_future(client.fetch(session, method="POST", body=body))
    await asyncio.sleep(0.3)
    counting.cancel()
    posting.cancel()
    assert turns > 50


@pytest.mark.gen_test
async def test_asking_for_another_namespace_changes_nothing_here_and_is_no_way_to_flood(build: Build) -> None:
    house = await build(limits={"rates": RateLimits(refusals=Rate(5, 60.0))})
    bob = Packets()
    await bob.enter(house, username="bob")
    for _ in range(5):
        bob.send("40/other,")
        assert await bob.next() == '44/other,{"message":"Invalid namespace"}'
    bob.send('421["users"]')
    assert (await bob.next()).startswith("431[")
    bob.send("430[]")
    assert await bob.next() == "41"
    assert house.app.rates.floods == 1


@pytest.mark.gen_test
async def test_nothing_of_the_request_is_kept_as_long_as_the_session(house: House) -> None:
    bob = Packets()
    await bob.enter(house, username="bob")
    assert list(house.app.socketio.environ.values()) == [{}]
