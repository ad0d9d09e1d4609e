"""Who is shown as being there, seen from the outside."""

import asyncio
from typing import Any

import pytest

from tests.doors.conftest import Build
from tests.support.clients import Client
from tests.support.house import House


def names(events: list[tuple[str, Any]]) -> list[str]:
    """What came after the greeting."""
    return [name for name, _ in events if name not in {"session", "users", "ready"}]


@pytest.mark.gen_test(timeout=30)
async def test_two_tabs_closing_at_the_same_moment_leave_no_ghost(house: House) -> None:
    watcher = await house.enter("watcher")
    for door in ("raw", "websocket"):
        user = await house.enter("two tabs", door)
        assert (await watcher.events.take("user connected"))["userID"] == user.session["userID"]
        tab = await house.again(user, "websocket" if door == "raw" else "raw")
        await asyncio.gather(user.close(), tab.close())
        assert await watcher.events.take("user disconnected") == user.session["userID"]
    await asyncio.sleep(0.1)
    assert len(watcher.events.named("user disconnected")) == 2


@pytest.mark.gen_test(timeout=20)
async def test_twenty_reloads_inside_the_grace_show_nobody_anything(build: Build) -> None:
    house = await build(grace=1.0)
    watcher, user = await house.enter("watcher"), await house.enter("restless")
    for _ in range(20):
        await user.close()
        user = await house.again(user, "raw")
    await asyncio.sleep(0.1)
    assert names(watcher.events.all) == ["user connected"]


@pytest.mark.gen_test
async def test_nobody_is_there_after_a_crash_who_has_not_come_back(build: Build) -> None:
    house = await build()
    alice, bob = await house.enter("alice"), await house.enter("bob")
    await house.restart()
    again = await house.again(alice)
    shown = {user["userID"]: user["connected"] for user in again.users}
    assert shown == {alice.session["userID"]: True, bob.session["userID"]: False}


@pytest.mark.gen_test
async def test_above_the_limit_one_sees_oneself_and_ones_partners_only(build: Build) -> None:
    house = await build(roster=2)
    alice, bob = await house.enter("alice"), await house.enter("bob")
    await alice.command("private message", {"to": bob.session["userID"], "content": "hi"})
    carol = await house.enter("carol")
    assert [user["username"] for user in carol.users] == ["carol"]
    assert [user["username"] for user in (await house.again(alice)).users] == ["alice", "bob"]
    assert len(alice.events.named("user connected")) == 1
    await carol.close()
    await bob.close()
    assert await alice.events.take("user disconnected") == bob.session["userID"]
    assert len(alice.events.named("user disconnected")) == 1


@pytest.mark.gen_test
async def test_above_the_limit_a_stranger_is_introduced_before_the_first_message(build: Build) -> None:
    house = await build(roster=0)
    alice, bob = await house.enter("alice"), await house.enter("bob")
    await alice.command("private message", {"to": bob.session["userID"], "content": "we have not met"})
    await bob.events.take("private message")
    assert names(bob.events.all) == ["user connected", "private message"]
    introduced = bob.events.named("user connected")[0]
    assert (introduced["username"], introduced["connected"]) == ("alice", True)
    await alice.close()
    assert await bob.events.take("user disconnected") == alice.session["userID"]


@pytest.mark.gen_test
async def test_one_who_is_away_is_introduced_as_away(build: Build) -> None:
    house = await build(roster=0)
    alice, bob = await house.enter("alice"), await house.enter("bob")
    cursor = bob.cursor
    await bob.close()
    await alice.command("private message", {"to": bob.session["userID"], "content": "call me"})
    await alice.close()
    await asyncio.sleep(0.1)
    back = await house.again(bob, since=cursor)
    assert [user["username"] for user in back.users] == ["bob"]
    assert names(back.events.all) == ["user connected", "private message"]
    introduced = back.events.named("user connected")[0]
    assert (introduced["username"], introduced["connected"]) == ("alice", False)


@pytest.mark.gen_test
async def test_people_are_found_by_the_beginning_of_their_name(house: House) -> None:
    me: Client = await house.enter("zoe")
    for name in ("Ann", "anna", "ÁNNA", "Bob", "%", "Straße"):
        await (await house.enter(name)).close()

    async def found(query: str) -> list[str]:
        people = (await me.command("users", {"query": query}))["data"]["users"]
        return [person["username"] for person in people]

    assert await found("AN") == ["Ann", "anna"]
    assert await found("án") == ["ÁNNA"]
    assert await found("STRASSE") == ["Straße"]
    assert await found("%") == ["%"]
    assert await found("nobody") == []


@pytest.mark.gen_test
async def test_everyone_is_found_page_by_page_once(house: House) -> None:
    me = await house.enter("me")
    for number in range(7):
        await house.enter(f"user {number % 3}")
    seen: list[str] = []
    after = None
    while True:
        page = (await me.command("users", {"limit": 3} | ({"after": after} if after else {})))["data"]
        seen += [person["userID"] for person in page["users"]]
        after = page["next"]
        if after is None:
            break
    assert len(seen) == len(set(seen)) == 8
