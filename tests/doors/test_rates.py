"""More than is allowed, at both doors: refused with a time, and closed if it goes on."""

import asyncio
import time
from ipaddress import ip_network
from typing import Any

import pytest
from tornado.httpclient import AsyncHTTPClient

from tests.doors.conftest import Build
from tests.doors.test_socketio import Packets
from tests.support.clients import DOORS, PATIENCE, Client, RawClient, Refusal, upgrade_status
from tests.support.house import House
from tests.support.wire import WIRES, RawWire
from tornadochat.buckets import UNLIMITED, Rate
from tornadochat.config_rates import RateLimits
from tornadochat.transports import framing

HANDSHAKE = "/socket.io/?EIO=4&transport=polling"
PING, PONG = 0x9, 0xA
THREE = Rate(3, 3.0)


class Clock:
    """The time by which the rates of a house go, moved by hand: what a test takes cannot matter."""

    def __init__(self, house: House) -> None:
        self.now = 1_000.0
        house.app.rates.clock = lambda: self.now


async def house_of(build: Build, server: dict[str, Any] | None = None, **rates: Any) -> House:
    limits = {"rates": RateLimits(**rates)}
    return await build(limits=limits, server=server, interval=20, timeout=20)


def refusal_of(reply: dict[str, Any]) -> dict[str, Any]:
    error: dict[str, Any] = reply["error"]
    assert (error["code"], error["retryable"], error["message"]) == ("rate_limited", True, "too many; wait")
    assert error["retryAfter"] > 0
    return error


# Commands


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.gen_test(timeout=20)
async def test_a_message_too_many_is_refused_not_stored_and_taken_after_the_time(
    build: Build, door: str
) -> None:
    house = await house_of(build, messages=THREE)
    clock = Clock(house)
    ann, ben = await house.enter("ann", door), await house.enter("ben")
    to = ben.session["userID"]
    replies = [
        await ann.command("private message", {"to": to, "content": f"{number}", "clientID": f"c{number}"})
        for number in range(4)
    ]
    assert [reply["data"]["seq"] for reply in replies[:3]] == [1, 2, 3]
    assert refusal_of(replies[3])["retryAfter"] == 1_000
    stored = (await ann.command("history", {"with": to}))["data"]["messages"]
    assert [message["content"] for message in stored] == ["0", "1", "2"]
    clock.now += 1
    # The clientID is still free, for other words as well.
    again = await ann.command("private message", {"to": to, "content": "other", "clientID": "c3"})
    assert again["data"]["seq"] == 4
    assert again["data"]["duplicate"] is False
    assert house.app.rates.hits["messages"] == 1


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [
        ("typing", {"to": ""}, "typing"),
        ("history", {"with": ""}, "searches"),
        ("users", {"query": "a"}, "searches"),
        ("sessions", {}, "searches"),
        ("read", {"with": "", "seq": 1}, "commands"),
        ("received", {"with": "", "seq": 1}, "commands"),
        ("revoke", {"others": True}, "commands"),
    ],
)
@pytest.mark.gen_test(timeout=20)
async def test_every_kind_of_command_has_its_rate(
    build: Build, door: str, name: str, data: dict[str, Any], kind: str
) -> None:
    house = await house_of(build, None, **{kind: THREE})
    Clock(house)
    ann = await house.enter("ann", door)
    data = {key: value or ann.session["userID"] for key, value in data.items()}
    replies = [await ann.command(name, data) for _ in range(4)]
    assert all("data" in reply for reply in replies[:3])
    refusal_of(replies[3])
    assert "data" in await ann.command("private message", {"to": ann.session["userID"], "content": "x"})


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.gen_test(timeout=20)
async def test_who_asked_for_no_reply_hears_of_it_by_an_event(build: Build, door: str) -> None:
    house = await house_of(build, messages=Rate(1, 60.0))
    ann = await house.enter("ann", door)
    for _ in range(2):
        await ann.send("private message", {"to": ann.session["userID"], "content": "x"})
    error = await ann.events.take("error")
    assert (error["code"], error["command"]) == ("rate_limited", "private message")
    assert error["retryAfter"] > 0


@pytest.mark.gen_test(timeout=20)
async def test_a_user_shares_one_bucket_over_connections_and_doors(build: Build) -> None:
    house = await house_of(build, messages=Rate(4, 60.0), per_user=2)
    ann = await house.enter("ann")
    devices: list[Client] = [ann, *[await house.again(ann, door) for door in DOORS]]
    message = {"to": ann.session["userID"], "content": "x"}
    replies = [await device.command("private message", message) for device in devices for _ in range(4)]
    assert sum("data" in reply for reply in replies) == 8
    stranger = await house.enter("eve")
    assert "data" in await stranger.command("private message", message)


@pytest.mark.gen_test(timeout=20)
async def test_an_address_shares_one_bucket_over_users(build: Build) -> None:
    house = await house_of(build, messages=Rate(2, 60.0), per_user=1, per_address=2)
    people = [await house.enter(f"p{number}") for number in range(4)]
    to = people[0].session["userID"]
    replies = [
        await person.command("private message", {"to": to, "content": "x"})
        for person in people
        for _ in range(2)
    ]
    assert ["data" in reply for reply in replies] == [True] * 4 + [False] * 4


# Floods


class Flood:
    """A client that sends as fast as it can, and never stops to think."""

    def __init__(self, door: str) -> None:
        self.user_id = ""
        self.ready = asyncio.Event()
        self.over = asyncio.Event()
        self.replies: list[dict[str, Any]] = []
        self.wire: RawWire = WIRES[door](
            self._event, lambda _, reply: self.replies.append(reply), self.over.set
        )

    async def enter(self, house: House) -> None:
        await self.wire.connect(house.app.port, {"username": "flood"})
        await asyncio.wait_for(self.ready.wait(), PATIENCE)

    async def run(self, command: str, data: dict[str, Any], most: int) -> None:
        """Sends until the link is gone, or `most` have gone out."""
        for number in range(most):
            if self.over.is_set() or self.wire.link.transport.is_closing():
                return
            self.wire.command(number, command, data)
            if number % 4 == 0:
                await asyncio.sleep(0)

    def _event(self, name: str, data: Any) -> None:
        if name == "session":
            self.user_id = data["userID"]
        elif name == "ready":
            self.ready.set()


@pytest.mark.parametrize("door", WIRES)
@pytest.mark.gen_test(timeout=30)
async def test_a_flood_is_refused_then_closed_for_good_and_bystanders_do_not_notice(
    build: Build, door: str
) -> None:
    house = await house_of(build, messages=Rate(500, 6_000.0), refusals=Rate(500, 60.0))
    flood, bystander = Flood(door), await house.enter("bystander")
    await flood.enter(house)
    message = {"to": flood.user_id, "content": "x" * 100}
    flooding = asyncio.ensure_future(flood.run("private message", message, 50_000))
    waits: list[float] = []
    while not flood.over.is_set():
        began = time.monotonic()
        await bystander.command("private message", message | {"to": bystander.session["userID"]})
        waits.append(time.monotonic() - began)
    await flooding
    assert house.app.rates.floods >= 1
    refusals = [reply["error"]["code"] for reply in flood.replies if "error" in reply]
    assert set(refusals) == {"rate_limited"}
    assert len(refusals) >= 500
    # Some of what was taken may not have been answered before the end; it is stored all the same.
    await house.app.store.flushed()
    assert house.app.store.last_number - len(waits) == 500
    if door == "raw":
        assert flood.wire.link.close_code == 4503
    assert sorted(waits)[len(waits) // 2] < 0.5
    assert "data" in await bystander.command("users")


@pytest.mark.gen_test(timeout=30)
async def test_without_these_rates_a_flood_goes_on(build: Build) -> None:
    """The switch: as above, and nothing stops it."""
    house = await house_of(build, messages=UNLIMITED, refusals=UNLIMITED)
    flood = Flood("raw")
    await flood.enter(house)
    await flood.run("private message", {"to": flood.user_id, "content": "x"}, 3_000)
    while len(flood.replies) < 3_000:
        await asyncio.sleep(0.01)
    assert all("data" in reply for reply in flood.replies)
    assert not flood.over.is_set()
    flood.wire.cut()


@pytest.mark.parametrize("door", ["websocket", "polling", "upgrade"])
@pytest.mark.gen_test(timeout=30)
async def test_on_socket_io_a_flood_ends_with_a_disconnect_that_is_final(build: Build, door: str) -> None:
    house = await house_of(build, messages=Rate(5, 60.0), refusals=Rate(5, 60.0))
    client: Any = await house.enter("ann", door)
    reasons: list[str | None] = []
    client.sio.on("disconnect", reasons.append)
    for _ in range(11):
        await client.send("private message", {"to": client.session["userID"], "content": "x"})
    async with asyncio.timeout(PATIENCE):
        while not reasons:
            await asyncio.sleep(0.01)
    assert reasons == [client.sio.reason.SERVER_DISCONNECT]
    assert len(client.events.named("error")) >= 5


@pytest.mark.parametrize(
    "frame", ["x", "[]", '{"event":1}', '{"event":"no such command"}', '{"event":"users"}']
)
@pytest.mark.gen_test(timeout=20)
async def test_who_sends_nothing_but_what_is_refused_is_closed(build: Build, frame: str) -> None:
    house = await house_of(build, refusals=Rate(20, 60.0))
    client = await house.connect("raw", username="ann")
    assert isinstance(client, RawClient)
    for _ in range(21):
        await client.write(frame)
    assert await client.closed() == 4503
    assert len(client.events.named("error")) == 21


@pytest.mark.parametrize("frame", ['{"event":"users"}', '{"event":1}'])
@pytest.mark.gen_test(timeout=20)
async def test_before_the_sign_in_as_well(build: Build, frame: str) -> None:
    house = await house_of(build, refusals=Rate(20, 60.0))
    client = house.raw()
    await client.open()
    for _ in range(21):
        await client.write(frame)
    assert await client.closed() == 4503


@pytest.fixture(params=["picows", "tornado"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The framing beneath both doors."""
    name: str = request.param
    if name == "tornado":
        monkeypatch.setattr(framing, "fast_engine", lambda: None)
    return name


@pytest.mark.parametrize("opcode", [PING, PONG])
@pytest.mark.gen_test(timeout=20)
async def test_a_flood_of_pings_is_closed_at_the_raw_door(build: Build, engine: str, opcode: int) -> None:
    house = await house_of(build, pings=Rate(50, 60.0))
    flood = Flood("raw")
    await flood.enter(house)
    for _ in range(50):
        flood.wire.link.send(b"x", opcode)
    flood.wire.command(0, "users", {})
    while not flood.replies:
        await asyncio.sleep(0.001)
    flood.wire.link.send(b"x", opcode)
    await asyncio.wait_for(flood.over.wait(), PATIENCE)
    assert flood.wire.link.close_code == 4503


@pytest.mark.parametrize("opcode", [PING, PONG])
@pytest.mark.gen_test(timeout=20)
async def test_a_flood_of_pings_is_closed_at_the_socket_io_door(
    build: Build, engine: str, opcode: int
) -> None:
    house = await house_of(build, pings=Rate(50, 60.0))
    page = Packets()
    await page.enter(house, username="ann")
    for _ in range(51):
        page.link.send(b"x", opcode)
    assert await page.next() == "41"
    await page.gone()


@pytest.mark.gen_test(timeout=20)
async def test_so_is_a_flood_of_engine_io_pongs(build: Build) -> None:
    house = await house_of(build, pings=Rate(50, 60.0))
    page = Packets()
    await page.enter(house, username="ann")
    for _ in range(51):
        page.send("3")
    assert await page.next() == "41"
    await page.gone()


@pytest.mark.parametrize("packet", ["431[]", "40/admin,"])
@pytest.mark.gen_test(timeout=20)
async def test_so_is_one_of_packets_that_are_no_commands(build: Build, packet: str) -> None:
    house = await house_of(build, refusals=Rate(50, 60.0))
    page = Packets()
    await page.enter(house, username="ann")
    for _ in range(51):
        page.send(packet)
    while (answer := await page.next()) != "41":
        assert answer == '44/admin,{"message":"Invalid namespace"}'
    await page.gone()


@pytest.mark.gen_test(timeout=20)
async def test_without_the_rate_those_packets_go_on(build: Build) -> None:
    """The switch."""
    house = await house_of(build, refusals=UNLIMITED)
    page = Packets()
    await page.enter(house, username="ann")
    for _ in range(500):
        page.send("431[]")
    page.send('421["users"]')
    assert (await page.next()).startswith("431[")
    page.send("1")
    await page.gone()


@pytest.mark.gen_test(timeout=20)
async def test_without_the_rate_pings_are_answered_for_ever(build: Build, engine: str) -> None:
    """The switch."""
    house = await house_of(build, pings=UNLIMITED)
    flood = Flood("raw")
    await flood.enter(house)
    for _ in range(2_000):
        flood.wire.link.send(b"x", PING)
    flood.wire.command(0, "users", {})
    while not flood.replies:
        await asyncio.sleep(0.001)
    assert not flood.over.is_set()
    flood.wire.cut()


# Connects


async def handshake(house: House, **headers: str) -> tuple[int, str | None]:
    """What the handshake of a polling client is answered, and its Retry-After."""
    response = await AsyncHTTPClient().fetch(house.url + HANDSHAKE, headers=headers, raise_error=False)
    return response.code, response.headers.get("Retry-After")


@pytest.mark.gen_test(timeout=20)
async def test_too_many_connects_are_refused_before_the_upgrade_on_every_way_in(build: Build) -> None:
    house = await house_of(build, connects=Rate(3, 30.0))
    Clock(house)
    assert [await handshake(house) for _ in range(4)] == [(200, None)] * 3 + [(429, "10")]
    assert await upgrade_status(f"{house.url}/ws") == 429
    assert await upgrade_status(f"{house.url}/socket.io/?EIO=4&transport=websocket") == 429
    assert house.app.rates.hits["connects"] == 3
    # What is no connect is answered as ever.
    assert (await AsyncHTTPClient().fetch(f"{house.url}/healthz")).code == 200


@pytest.mark.gen_test(timeout=20)
async def test_without_the_rate_nobody_is_refused(build: Build) -> None:
    """The switch."""
    house = await house_of(build, connects=UNLIMITED)
    assert {await handshake(house) for _ in range(50)} == {(200, None)}


@pytest.mark.gen_test(timeout=20)
async def test_those_who_are_connected_stay_and_a_poll_is_no_connect(build: Build) -> None:
    house = await house_of(build, connects=Rate(4, 300.0))
    ann = await house.enter("ann", "polling")
    ben = await house.enter("ben")
    assert (await handshake(house))[0] == 429
    for person in (ann, ben):
        for _ in range(5):
            message = {"to": ben.session["userID"], "content": "x"}
            assert "data" in await person.command("private message", message)


@pytest.mark.gen_test(timeout=20)
async def test_the_address_is_the_clients_behind_a_proxy_that_is_trusted(build: Build) -> None:
    house = await house_of(
        build, connects=Rate(1, 60.0), server={"trusted_proxies": (ip_network("127.0.0.1/32"),)}
    )

    async def status(client: str) -> int:
        return (await handshake(house, **{"X-Forwarded-For": client}))[0]

    assert [await status("192.0.2.1"), await status("192.0.2.1"), await status("192.0.2.2")] == [
        200,
        429,
        200,
    ]
    # Who has an IPv6 address has 2 to the power of 64 of them.
    assert [
        await status("2001:db8::1"),
        await status("2001:db8::ffff:1"),
        await status("2001:db8:0:1::1"),
    ] == [
        200,
        429,
        200,
    ]


@pytest.mark.gen_test(timeout=20)
async def test_nobody_else_can_say_where_he_comes_from(build: Build) -> None:
    house = await house_of(build, connects=Rate(1, 60.0))
    statuses = [(await handshake(house, **{"X-Forwarded-For": f"192.0.2.{n}"}))[0] for n in range(3)]
    assert statuses == [200, 429, 429]


@pytest.mark.gen_test(timeout=20)
async def test_sign_ins_over_one_link_are_counted_too(build: Build) -> None:
    """Each would make a new user."""
    house = await house_of(build, connects=Rate(4, 60.0))
    page = Packets()
    await page.enter(house, username="ann 0")
    for number in range(2):
        page.send("41")
        await page.sign_in(username=f"ann {number}")
    page.send("41")
    page.send('40{"username":"one too many"}')
    # No CONNECT_ERROR, after which a client would not come back, and none that the guide's client knows.
    while (packet := await page.came.get()) is not None:
        assert not packet.startswith("44")
    assert house.app.store.user_count == 3


@pytest.mark.gen_test(timeout=20)
async def test_a_sign_in_too_many_is_told_at_the_raw_door_and_may_come_back(build: Build) -> None:
    house = await house_of(build, connects=Rate(1, 60.0))
    client = house.raw()
    with pytest.raises(Refusal) as refused:
        await client.connect(username="ann")
    refusal_of({"error": {k: v for k, v in refused.value.error.items() if k != "command"}})
    assert refused.value.code == 1013


@pytest.mark.gen_test(timeout=20)
async def test_a_user_signs_in_again_so_often_and_no_more(build: Build) -> None:
    house = await house_of(build, sign_ins=Rate(3, 60.0))
    ann = await house.enter("ann")
    for door in ("raw", "polling", "websocket"):
        await house.again(ann, door)
    with pytest.raises(Refusal) as refused:
        await house.again(ann)
    assert refused.value.error["code"] == "rate_limited"
    await house.enter("somebody else")


# Guesses


@pytest.mark.gen_test(timeout=20)
async def test_after_some_wrong_sessionids_none_is_looked_at_for_a_while_right_or_wrong(build: Build) -> None:
    house = await house_of(build, guesses=Rate(3, 3.0))
    clock = Clock(house)
    ann = await house.enter("ann")

    async def guess(secret: str) -> tuple[str, int | None]:
        with pytest.raises(Refusal) as refused:
            await house.connect("raw", sessionID=secret)
        return refused.value.error["code"], refused.value.code

    assert [await guess("wrong") for _ in range(3)] == [("unknown_session", 4500)] * 3
    assert await guess("wrong") == ("rate_limited", 1013)
    # To answer a right one differently would be to answer the guess.
    assert await guess(ann.session["sessionID"]) == ("rate_limited", 1013)
    # Whoever is there stays, and who comes with a name alone is no guesser.
    assert "data" in await ann.command("users")
    await house.enter("ben")
    clock.now += 1
    await house.again(ann)


@pytest.mark.gen_test(timeout=20)
async def test_on_socket_io_such_a_link_just_ends_so_that_clients_come_back(build: Build) -> None:
    house = await house_of(build, guesses=Rate(1, 60.0))
    for expected in (["44"], []):
        page = Packets()
        await page.open(house)
        page.send('40{"sessionID":"wrong"}')
        packets = []
        while (packet := await asyncio.wait_for(page.came.get(), PATIENCE)) is not None:
            packets.append(packet)
        assert [packet[:2] for packet in packets] == expected


@pytest.mark.gen_test(timeout=20)
async def test_without_the_rate_guessing_goes_on(build: Build) -> None:
    """The switch."""
    house = await house_of(build, guesses=UNLIMITED)
    for _ in range(20):
        with pytest.raises(Refusal) as refused:
            await house.connect("raw", sessionID="wrong")
        assert refused.value.error["code"] == "unknown_session"


@pytest.mark.gen_test(timeout=20)
async def test_a_right_sessionid_costs_no_guess(build: Build) -> None:
    house = await house_of(build, guesses=Rate(1, 600.0))
    ann = await house.enter("ann")
    for _ in range(5):
        await house.again(ann)


@pytest.mark.gen_test(timeout=20)
async def test_pages_of_other_origins_use_up_nothing_of_their_visitors_address(build: Build) -> None:
    house = await house_of(build, connects=THREE)
    evil = {"Origin": "https://evil.example"}
    for path in ("/ws", "/socket.io/?EIO=4&transport=websocket"):
        statuses = [await upgrade_status(house.url + path, evil) for _ in range(4)]
        assert statuses == [403] * 4
    assert (await house.enter("ann")).session
