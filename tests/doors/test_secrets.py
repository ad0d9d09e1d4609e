"""What those get who should get nothing: pages of other origins, strangers, ended sessions, third parties."""

import asyncio
import base64
import re
from typing import Any

import pytest
from tornado.httpclient import AsyncHTTPClient
from tornado.websocket import websocket_connect

from tests.doors.conftest import Build
from tests.support.clients import DOORS, RawClient, Refusal
from tests.support.house import House
from tornadochat.service.identity import SECRET_BYTES

EVIL = {"Origin": "https://evil.example"}
POLLING = "/socket.io/?EIO=4&transport=polling"
WEBSOCKET = "/socket.io/?EIO=4&transport=websocket"

UPGRADE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
}

every_door = pytest.mark.parametrize("door", DOORS)


async def ask(
    house: House, path: str, headers: dict[str, str], method: str = "GET", *, upgrade: bool = False
) -> int:
    """The status that a request is answered with; nothing is left open."""
    reader, writer = await asyncio.open_connection("127.0.0.1", house.app.port)
    sent = {"Host": house.url.removeprefix("http://")} | (UPGRADE if upgrade else {}) | headers
    body = "40{}" if method == "POST" else ""
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in sent.items())]
    writer.write("\r\n".join([*lines, f"Content-Length: {len(body)}", "", body]).encode())
    status = int((await reader.readline()).split()[1])
    writer.close()
    return status


async def polling_sid(house: House) -> str:
    response = await AsyncHTTPClient().fetch(house.url + POLLING)
    found = re.search(r'"sid":"([^"]+)"', response.body.decode())
    assert found is not None
    return found[1]


async def every_transport(house: House, headers: dict[str, str]) -> dict[str, int]:
    """What a page with these headers is answered on each way in: by the status."""
    session = f"&sid={await polling_sid(house)}"
    return {
        "raw": await ask(house, "/ws", headers, upgrade=True),
        "raw with a name": await ask(house, "/ws?username=ann", headers, upgrade=True),
        "websocket": await ask(house, WEBSOCKET, headers, upgrade=True),
        "upgrade": await ask(house, WEBSOCKET + session, headers, upgrade=True),
        "handshake": await ask(house, POLLING, headers),
        "preflight": await ask(house, POLLING, headers, "OPTIONS"),
        "post": await ask(house, POLLING + session, headers, "POST"),
        "poll": await ask(house, POLLING + session, headers),
    }


# Pages


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://127.0.0.1", "http://127.0.0.1:1.evil.example", "x"]
)
@pytest.mark.gen_test
async def test_a_page_of_another_origin_is_refused_on_every_transport(house: House, origin: str) -> None:
    assert set((await every_transport(house, {"Origin": origin})).values()) == {403}


@pytest.mark.gen_test
async def test_a_page_of_the_server_is_let_in_on_every_transport(house: House) -> None:
    statuses = await every_transport(house, {"Origin": house.url})
    assert 403 not in statuses.values()


@pytest.mark.gen_test
async def test_with_the_check_switched_off_the_other_page_is_let_in(build: Build) -> None:
    house = await build(server={"origins": ("*",)})
    statuses = await every_transport(house, EVIL)
    assert 403 not in statuses.values()
    assert statuses["raw"] == statuses["websocket"] == 101


@pytest.mark.gen_test
async def test_what_a_page_claims_of_a_proxy_does_not_make_its_origin_the_servers(house: House) -> None:
    claims = EVIL | {
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "https",
        "Forwarded": "host=evil.example",
    }
    assert set((await every_transport(house, EVIL | claims)).values()) == {403}


# Sessions


@pytest.mark.gen_test
async def test_a_secret_has_more_bits_than_anybody_can_guess(house: House) -> None:
    secrets = [(await house.enter(f"user {number}")).session["sessionID"] for number in range(5)]
    assert len(set(secrets)) == 5
    assert SECRET_BYTES == 32
    assert {len(base64.urlsafe_b64decode(secret + "=")) for secret in secrets} == {SECRET_BYTES}


@every_door
@pytest.mark.parametrize("how", ["logout", "revoke"])
@pytest.mark.gen_test
async def test_an_ended_session_lets_nobody_in_at_any_door(house: House, door: str, how: str) -> None:
    alice, owner = await house.enter("alice"), await house.enter("owner", door)
    tab = await house.again(owner)
    if how == "logout":
        await tab.command("logout")
    else:
        await tab.command("revoke", {"all": True})
    for client in (owner, tab):
        await client.closed()
    for way in DOORS:
        with pytest.raises(Refusal) as refusal:
            await house.again(owner, way, since=owner.cursor)
        assert "unknown_session" in str(refusal.value)
    # With a name beside it, it is somebody else who comes in.
    stranger = await house.again(owner, door, username="owner")
    assert stranger.session["userID"] != owner.session["userID"]
    letter = {"to": owner.session["userID"], "content": "for the owner alone"}
    assert "data" in await alice.command("private message", letter)
    assert stranger.events.named("private message") == []


@pytest.mark.parametrize(
    "change", [lambda secret: secret[:-2], lambda s: s + "A", str.swapcase, lambda s: f" {s}"]
)
@pytest.mark.gen_test
async def test_a_secret_that_is_nearly_right_is_wrong(house: House, change: Any) -> None:
    alice = await house.enter("alice")
    for door in ("raw", "websocket"):
        with pytest.raises(Refusal):
            await house.connect(door, sessionID=change(alice.session["sessionID"]))


# Before signing in


class Eavesdropper:
    """Links on every way in that never sign in, and all that they are sent."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._links: list[RawClient] = []
        self.heard: list[Any] = []

    async def open(self) -> None:
        raw = self._house.raw()
        await raw.open()
        self._links.append(raw)
        self.socket = await websocket_connect(self._house.url.replace("http", "ws") + WEBSOCKET)
        await self.socket.read_message()  # its own handshake
        self._reading = asyncio.ensure_future(self._read())
        self._sid = await polling_sid(self._house)
        self._polling = asyncio.ensure_future(self._poll())

    async def _read(self) -> None:
        while (message := await self.socket.read_message()) is not None:
            self.heard.append(message)

    async def _poll(self) -> None:
        client = AsyncHTTPClient()
        url = f"{self._house.url}{POLLING}&sid={self._sid}"
        while (response := await client.fetch(url, raise_error=False)).code == 200:
            self.heard.append(response.body.decode())

    async def close(self) -> list[Any]:
        """All that was heard, but for the pings of Engine.IO."""
        self.socket.close()
        self._polling.cancel()
        await asyncio.wait((self._reading, self._polling))
        heard = [event for link in self._links for event in link.events.all] + self.heard
        return [one for one in heard if one != "2"]


@pytest.mark.gen_test
async def test_nobody_hears_anything_before_signing_in(house: House) -> None:
    ears = Eavesdropper(house)
    await ears.open()
    alice, bob = await house.enter("alice"), await house.enter("bob", "websocket")
    them = {"to": bob.session["userID"]}
    await alice.command("private message", them | {"content": "between us"})
    await alice.command("typing", them)
    await bob.command("read", {"with": alice.session["userID"], "seq": 1})
    await alice.events.take("read")
    await bob.close()
    await asyncio.sleep(0.2)
    assert await ears.close() == []


@pytest.mark.gen_test
async def test_commands_before_signing_in_are_refused_and_do_nothing(house: House) -> None:
    alice = await house.enter("alice")
    me = alice.session["userID"]
    stranger = house.raw()
    await stranger.open()
    for number, (name, data) in enumerate(
        {
            "private message": {"to": me, "content": "boo"},
            "history": {"with": me},
            "typing": {"to": me},
            "read": {"with": me, "seq": 1},
            "users": {},
            "sessions": {},
            "revoke": {"all": True},
        }.items()
    ):
        reply = await stranger.answer({"event": name, "data": data, "id": number}, number)
        assert reply["error"]["code"] == "not_connected"
    assert (await alice.command("history", {"with": me}))["data"]["messages"] == []
    assert len((await alice.command("sessions"))["data"]) == 1
    assert stranger.events.all == []
