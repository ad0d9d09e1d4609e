"""Marks and typing on every way in: live, over a reconnect, over a restart."""

import pytest

from tests.doors.conftest import Build
from tests.doors.test_guide import entry
from tests.support.clients import DOORS, Client
from tests.support.house import House

every_door = pytest.mark.parametrize("door", DOORS)


async def talk(one: Client, other: Client, *contents: str) -> None:
    for content in contents:
        reply = await one.command("private message", {"to": other.session["userID"], "content": content})
        assert "data" in reply


@every_door
@pytest.mark.gen_test
async def test_what_is_read_in_one_tab_is_read_in_all(house: House, door: str) -> None:
    alice, bob = await house.enter("alice"), await house.enter("bob", door)
    tab = await house.again(bob, door)
    await talk(alice, bob, "one", "two")
    assert await bob.command("read", {"with": alice.session["userID"], "seq": 1}) == {"data": {}}
    told = await alice.events.take("read")
    assert told.pop("cursor")
    assert told == {"from": bob.session["userID"], "with": alice.session["userID"], "seq": 1}
    heard = await tab.events.take("read")
    assert {key: heard[key] for key in ("from", "with", "seq", "unread")} == told | {"unread": 1}
    assert bob.events.named("read") == []


@every_door
@pytest.mark.gen_test
async def test_marks_and_what_is_unread_survive_a_restart_and_are_replayed(build: Build, door: str) -> None:
    house = await build()
    alice, bob = await house.enter("alice", door), await house.enter("bob", door)
    await talk(alice, bob, "one", "two", "three")
    await bob.command("read", {"with": alice.session["userID"], "seq": 1})
    await bob.command("received", {"with": alice.session["userID"], "seq": 3})
    await house.restart()
    returned = await house.again(alice, door, since=alice.cursor)
    seen = entry(returned, bob.session["userID"])
    assert [seen[field] for field in ("unread", "read", "received", "seq")] == [0, 1, 3, 3]
    names = [name for name, _ in returned.events.all]
    assert names[-6:] == ["private message"] * 3 + ["read", "received", "ready"]
    fresh = await house.again(bob, door)
    seen = entry(fresh, alice.session["userID"])
    assert [seen[field] for field in ("unread", "read", "received", "seq")] == [2, 0, 0, 3]


@every_door
@pytest.mark.gen_test
async def test_typing_reaches_the_other_while_they_are_there(house: House, door: str) -> None:
    alice, bob = await house.enter("alice", door), await house.enter("bob", door)
    await alice.events.take("user connected")
    for _ in range(3):
        assert await alice.command("typing", {"to": bob.session["userID"]}) == {"data": {}}
    typing = await bob.events.take("typing")
    assert typing["from"] == alice.session["userID"]
    await talk(alice, bob, "there")
    await bob.events.take("private message")
    assert len(bob.events.named("typing")) == 1
    assert alice.events.named("typing") == []
