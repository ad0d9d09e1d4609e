"""The guide's own client, real socket.io-client 4.x and 3.x in Node, unmodified."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from tornado.ioloop import IOLoop

from tests.doors.conftest import Build
from tests.doors.test_rates import Clock
from tests.support.javascript import LIBRARIES, JavaScriptPeer
from tornadochat.buckets import Rate
from tornadochat.config_rates import RateLimits

pytestmark = pytest.mark.parametrize(
    ("library", "transports"),
    [
        ("socket.io-client", "polling,websocket"),
        ("socket.io-client", "polling"),
        ("socket.io-client", "websocket"),
        ("socket.io-client-3", "polling,websocket"),
    ],
)


class Pages:
    """The pages a test has open."""

    def __init__(self, node: Path, library: str, transports: str) -> None:
        assert library in LIBRARIES
        self._node = node
        self._library = library
        self._transports = transports
        self.open: list[JavaScriptPeer] = []

    async def page(self, url: str, **auth: str) -> JavaScriptPeer:
        """One more."""
        peer = JavaScriptPeer(self._node, url, self._library, self._transports)
        await peer.start(**auth)
        self.open.append(peer)
        return peer


@pytest.fixture
def pages(io_loop: IOLoop, node: Path, library: str, transports: str) -> Iterator[Pages]:
    """Opens pages, and closes them."""
    pages = Pages(node, library, transports)
    yield pages
    for page in pages.open:
        io_loop.run_sync(page.stop, timeout=10)


@pytest.mark.gen_test(timeout=20)
async def test_two_pages_talk_and_one_returns_as_the_same_person(
    build: Build, pages: Pages, library: str, transports: str
) -> None:
    # A polling page that leaves between two polls is noticed by its missing pong.
    house = await build(grace=0.2, timeout=2.0)
    alice = await pages.page(house.url, username="alice")
    mine = await alice.hear("event session")
    assert [user["username"] for user in await alice.hear("event users")] == ["alice"]
    bob = await pages.page(house.url, username="bob")
    theirs = await bob.hear("event session")
    assert (await alice.hear("event user connected"))["userID"] == theirs["userID"]
    alice.emit("private message", {"content": "hi", "to": theirs["userID"]})
    heard = await bob.hear("event private message")
    assert (heard["content"], heard["from"]) == ("hi", mine["userID"])
    reply = await bob.command("private message", {"content": "hello", "to": mine["userID"]})
    assert reply["data"]["seq"] == 2
    assert (await alice.hear("event private message"))["content"] == "hello"
    await bob.stop()
    pages.open.remove(bob)
    assert await alice.hear("event user disconnected") == theirs["userID"]
    again = await pages.page(house.url, sessionID=theirs["sessionID"])
    assert (await again.hear("event session"))["userID"] == theirs["userID"]
    users = {user["userID"]: user for user in await again.hear("event users")}
    assert [message["content"] for message in users[mine["userID"]]["messages"]] == ["hi", "hello"]
    assert (await alice.hear("event user connected"))["userID"] == theirs["userID"]


@pytest.mark.gen_test(timeout=20)
async def test_a_page_survives_a_restart_by_itself(
    build: Build, pages: Pages, library: str, transports: str
) -> None:
    house = await build()
    page = await pages.page(house.url, username="alice")
    session = await page.hear("event session")
    await page.hear("event ready")
    await house.restart()
    assert (await page.hear("disconnect"))["reason"] in {"transport close", "transport error"}
    assert await page.hear("event session", patience=10) == session


@pytest.mark.gen_test(timeout=20)
async def test_a_bad_name_shows_the_form_again(
    build: Build, pages: Pages, library: str, transports: str
) -> None:
    house = await build()
    page = await pages.page(house.url, username="")
    error = await page.hear("connect_error")
    assert error["message"] == "invalid username"
    assert error["data"]["code"] == "invalid_username"


@pytest.mark.gen_test(timeout=20)
async def test_a_revoked_page_does_not_come_back(
    build: Build, pages: Pages, library: str, transports: str
) -> None:
    house = await build()
    page = await pages.page(house.url, username="alice")
    session = await page.hear("event session")
    await page.hear("event ready")
    other = await house.connect("raw", sessionID=session["sessionID"])
    await other.command("revoke", {"all": True})
    assert (await page.hear("disconnect"))["reason"] == "io server disconnect"


@pytest.mark.gen_test(timeout=20)
async def test_a_page_that_is_told_to_wait_comes_back_by_itself(
    build: Build, pages: Pages, library: str, transports: str
) -> None:
    house = await build(limits={"rates": RateLimits(connects=Rate(100, 1.0))})
    clock = Clock(house)
    for _ in range(100):
        house.app.rates.connect("127.0.0.1")
    page = await pages.page(house.url, username="alice")
    # A refusal of HTTP, none of the chat's, after which it would stay away.
    assert (await page.hear("connect_error")).get("data") is None
    clock.now += 1
    assert (await page.hear("event session", patience=10))["username"] == "alice"


@pytest.mark.gen_test(timeout=20)
async def test_so_does_one_whose_neighbour_has_been_guessing(
    build: Build, pages: Pages, library: str, transports: str
) -> None:
    house = await build(limits={"rates": RateLimits(guesses=Rate(1, 60.0))})
    clock = Clock(house)
    known = await house.enter("alice")
    house.app.rates.guessed("127.0.0.1")
    page = await pages.page(house.url, sessionID=known.session["sessionID"])
    while not house.app.rates.hits["guesses"]:
        await asyncio.sleep(0.01)
    clock.now += 60
    assert (await page.hear("event session", patience=10))["userID"] == known.session["userID"]
    assert not [error for error in page.heard("connect_error") if error.get("data")]
