"""Sizes, and what happens to those who send without reading."""

import asyncio
import json
from typing import Any, cast

import pytest

from tests.doors.conftest import Build
from tests.support.clients import DOORS
from tests.support.house import House
from tests.support.wire import RawWire
from tornadochat.buckets import Rate
from tornadochat.config_rates import RateLimits
from tornadochat.delivery.connection import Connection
from tornadochat.delivery.transport import Transport

EVENT_BYTES_MAX = 512 * 1024
USERS_BYTES_MAX = 256 * 1024


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.gen_test(timeout=20)
async def test_a_history_page_of_long_messages_ends_early(house: House, door: str) -> None:
    alice = await house.enter("alice", door)
    me = alice.session["userID"]
    # A control character is six bytes in JSON: the widest there is.
    for _ in range(20):
        await alice.command("private message", {"to": me, "content": "\x01" * 9_900})
    page = (await alice.command("history", {"with": me, "limit": 200}))["data"]
    assert len(json.dumps(page)) <= EVENT_BYTES_MAX
    assert page["more"] is True
    assert page["messages"][-1]["seq"] == 20
    forward = (await alice.command("history", {"with": me, "after": 0, "limit": 200}))["data"]
    assert forward["messages"][0]["seq"] == 1
    assert forward["more"] is True


@pytest.mark.gen_test(timeout=20)
async def test_the_oldest_conversations_lose_their_messages_when_the_roster_is_too_large(
    house: House,
) -> None:
    alice = await house.enter("alice")
    others = [await house.enter(f"friend {number}") for number in range(6)]
    for other in others:
        data = {"to": other.session["userID"], "content": "x" * 9_900}
        await asyncio.gather(*(alice.command("private message", data) for _ in range(8)))
    again = await house.again(alice)
    assert len(json.dumps(again.users)) <= USERS_BYTES_MAX
    shown = {user["username"]: [m["seq"] for m in user["messages"]] for user in again.users}
    for full in ("friend 5", "friend 4", "friend 3"):
        assert shown[full] == list(range(1, 9))
    assert shown["friend 2"] == [7, 8]
    assert shown["friend 1"] == shown["friend 0"] == []
    assert all(user["seq"] == 8 for user in again.users if user["username"] != "alice")


@pytest.mark.gen_test(timeout=20)
async def test_of_one_conversation_that_is_too_large_the_newest_messages_are_shown(house: House) -> None:
    alice, bob = await house.enter("alice"), await house.enter("bob")
    for _ in range(20):
        await bob.command("private message", {"to": alice.session["userID"], "content": "\x01" * 9_900})
    again = await house.again(alice)
    assert len(json.dumps(again.users)) <= USERS_BYTES_MAX
    (talk,) = [user["messages"] for user in again.users if user["username"] == "bob"]
    assert [message["seq"] for message in talk] == [17, 18, 19, 20]


class Deaf:
    """A raw client that can stop reading while it goes on writing."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.user_id = ""
        self.replies = 0
        self.wire = RawWire(self._event, self._reply, lambda: None)

    async def enter(self, house: House) -> Connection:
        """Signs in; gives the server's side of the link."""
        await self.wire.connect(house.app.port, {"username": "deaf"})
        while "ready" not in self.events:
            await asyncio.sleep(0.001)
        (connection,) = house.app.hub.of(self.user_id)
        return connection

    def _event(self, name: str, data: Any) -> None:
        self.events.append(name)
        if name == "session":
            self.user_id = data["userID"]

    def _reply(self, number: int, reply: dict[str, Any]) -> None:
        self.replies += 1


@pytest.mark.gen_test(timeout=60)
async def test_one_who_asks_without_reading_is_read_no_further(build: Build) -> None:
    house = await build(limits={"outbox_bytes": 65536, "stalled": 20.0}, interval=20, timeout=20)
    deaf, bystander = Deaf(), await house.enter("bystander")
    connection = await deaf.enter(house)
    for number in range(60):
        message = {"to": deaf.user_id, "content": "x" * 9_900}
        deaf.wire.command(number, "private message", message)
    while deaf.replies < 60:
        await asyncio.sleep(0.001)
    deaf.wire.link.transport.pause_reading()
    worst = 0
    for number in range(60):
        deaf.wire.command(number, "history", {"with": deaf.user_id, "limit": 200})
        await asyncio.sleep(0.001)
        worst = max(worst, connection.transport.buffered)
    assert 65536 < worst < 65536 + 2 * EVENT_BYTES_MAX
    assert "data" in await bystander.command("users")
    deaf.wire.link.transport.resume_reading()
    while deaf.replies < 120:
        await asyncio.sleep(0.001)
    deaf.wire.cut()


@pytest.mark.gen_test(timeout=60)
async def test_a_flood_of_bad_frames_without_reading_is_read_no_further(build: Build) -> None:
    rates = RateLimits(refusals=Rate(1_000_000, 1.0))
    house = await build(limits={"outbox_bytes": 65536, "rates": rates}, interval=20, timeout=20)
    deaf = Deaf()
    connection = await deaf.enter(house)
    deaf.wire.link.transport.pause_reading()
    worst = 0
    for _ in range(200):
        for _ in range(200):
            deaf.wire.link.send(b"x")
        await asyncio.sleep(0.001)
        worst = max(worst, connection.transport.buffered)
    assert 65536 < worst < 2 * 65536
    deaf.wire.link.transport.resume_reading()
    while deaf.events.count("error") < 40_000:
        await asyncio.sleep(0.001)
    deaf.wire.cut()


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.gen_test(timeout=20)
async def test_commands_take_effect_in_the_order_in_which_they_came(house: House, door: str) -> None:
    alice, bob = await house.enter("alice", door), await house.enter("bob")
    to = {"to": bob.session["userID"]}
    for number in range(200):
        await alice.send("private message", to | {"content": str(number)})
        if number % 20 == 0:
            await alice.send("private message", {"to": "0" * 16, "content": "to nobody"})
    page = await alice.command("history", {"with": bob.session["userID"], "limit": 200})
    assert [message["content"] for message in page["data"]["messages"]] == [str(n) for n in range(200)]


@pytest.mark.gen_test(timeout=20)
async def test_a_stranger_who_does_not_read_is_read_no_further(build: Build) -> None:
    house = await build(limits={"outbox_bytes": 65_536, "identify": 30})
    reader, writer = await asyncio.open_connection("127.0.0.1", house.app.port)
    writer.write(
        b"GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    await reader.readuntil(b"\r\n\r\n")
    transport: Any = writer.transport
    transport.pause_reading()
    (link,) = house.app.doorway._links
    payload = json.dumps({"event": "x" * 60}).encode()
    frames = (bytes((0x81, 0x80 | len(payload))) + bytes(4) + payload) * 500
    for _ in range(80):
        if transport.get_write_buffer_size() < 1_000_000:
            writer.write(frames)
        await asyncio.sleep(0.005)
    assert 65_536 < cast("Transport", link).buffered < 1_000_000
    writer.close()
