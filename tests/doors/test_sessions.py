"""Listing, revoking and leaving: what ends, how it ends, and what goes on."""

import asyncio

import pytest

from tests.doors.conftest import Build
from tests.support.clients import DOORS, Client, Refusal
from tests.support.house import House

every_door = pytest.mark.parametrize("door", DOORS)


async def refused(house: House, client: Client, door: str) -> None:
    """The client's session lets nobody in any more."""
    with pytest.raises(Refusal) as refusal:
        await house.again(client, door)
    assert refusal.value.error["message"] == "invalid username"


@every_door
@pytest.mark.gen_test
async def test_sessions_lists_ones_own_and_marks_the_current_one(house: House, door: str) -> None:
    alice = await house.enter("alice", door)
    await house.enter("bob", door)
    (session,) = (await alice.command("sessions"))["data"]
    assert set(session) == {"id", "created", "seen", "door", "current"}
    assert session["current"] is True
    assert session["door"] == ("raw" if door == "raw" else "socketio")
    assert session["created"] <= session["seen"]
    assert alice.session["sessionID"] not in str(session)


@every_door
@pytest.mark.gen_test
async def test_logout_answers_then_closes_every_connection_of_the_session(house: House, door: str) -> None:
    alice = await house.enter("alice", door)
    raw, page = await house.again(alice, "raw"), await house.again(alice, "websocket")
    assert await alice.command("logout") == {"data": {}}
    assert await raw.closed() == 4501
    await page.closed()
    await alice.closed()
    await refused(house, alice, door)


@every_door
@pytest.mark.gen_test
async def test_revoking_all_answers_first(house: House, door: str) -> None:
    alice = await house.enter("alice", door)
    assert await alice.command("revoke", {"all": True}) == {"data": {}}
    await alice.closed()
    await refused(house, alice, door)


@every_door
@pytest.mark.gen_test
async def test_revoking_the_others_keeps_this_one(house: House, door: str) -> None:
    alice, bob = await house.enter("alice", door), await house.enter("bob")
    assert await alice.command("revoke", {"others": True}) == {"data": {}}
    assert len((await alice.command("sessions"))["data"]) == 1
    assert len((await bob.command("sessions"))["data"]) == 1


@every_door
@pytest.mark.gen_test
async def test_nobody_revokes_another_ones_session(house: House, door: str) -> None:
    alice, bob = await house.enter("alice", door), await house.enter("bob")
    (theirs,) = (await bob.command("sessions"))["data"]
    reply = await alice.command("revoke", {"id": theirs["id"]})
    assert (reply["error"]["code"], reply["error"]["field"]) == ("invalid", "id")
    await house.again(bob)


@pytest.mark.gen_test
async def test_a_revoked_session_cannot_slip_in_while_it_is_being_revoked(house: House) -> None:
    alice = await house.enter("alice")
    for _ in range(20):
        user = await house.enter("fleeting")
        entering = [asyncio.ensure_future(house.again(user)) for _ in range(3)]
        await user.command("revoke", {"all": True})
        await asyncio.gather(*entering, return_exceptions=True)
        await asyncio.sleep(0.01)
        assert house.app.hub.of(user.session["userID"]) == ()
    assert "data" in await alice.command("sessions")


@pytest.mark.gen_test
async def test_a_session_expires_unless_it_is_in_use(build: Build) -> None:
    house = await build(lifetime=0.3)
    idle, busy = await house.enter("idle"), await house.enter("busy")
    await idle.close()
    await asyncio.sleep(0.4)
    again = await house.again(busy)
    assert again.session == busy.session
    await refused(house, idle, "raw")
    assert len((await busy.command("sessions"))["data"]) == 1


@pytest.mark.gen_test
async def test_the_sweep_forgets_those_who_left_nothing(build: Build) -> None:
    house = await build(lifetime=0.2)
    talker, visitor = await house.enter("talker"), await house.enter("visitor")
    stayer = await house.enter("stayer")
    await talker.command("private message", {"to": stayer.session["userID"], "content": "hi"})
    await talker.close()
    await visitor.close()
    await asyncio.sleep(0.3)
    await house.app.identity.sweep()
    people = (await stayer.command("users"))["data"]["users"]
    assert [person["username"] for person in people] == ["stayer", "talker"]
    reply = await stayer.command("private message", {"to": visitor.session["userID"], "content": "?"})
    assert reply["error"]["code"] == "unknown_user"


@pytest.mark.gen_test
async def test_seen_moves_while_connected(build: Build) -> None:
    house = await build()
    alice = await house.enter("alice")
    await asyncio.sleep(0.01)
    await house.app.identity.touch()
    (stored,) = await house.app.store.list_sessions(alice.session["userID"])
    assert stored.seen > stored.created
