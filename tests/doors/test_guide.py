"""The whole story of the private-messaging guide, on every way in, and what lasts beyond it."""

import asyncio

import pytest

from tests.doors.conftest import Build
from tests.support.clients import DOORS, Client, Refusal
from tests.support.house import House

every_door = pytest.mark.parametrize("door", DOORS)


def entry(client: Client, user_id: str) -> dict[str, object]:
    """How a user stands in a client's `users`."""
    return next(user for user in client.users if user["userID"] == user_id)


@every_door
@pytest.mark.gen_test
async def test_session_then_users_then_ready_greet_a_newcomer(house: House, door: str) -> None:
    alice = await house.enter("alice", door)
    assert [name for name, _ in alice.events.all] == ["session", "users", "ready"]
    assert set(alice.session) == {"sessionID", "userID", "username"}
    assert alice.users == [
        {
            "userID": alice.session["userID"],
            "username": "alice",
            "connected": True,
            "messages": [],
            "unread": 0,
            "read": 0,
            "received": 0,
            "seq": 0,
        }
    ]


@every_door
@pytest.mark.gen_test
async def test_those_present_are_told_of_a_newcomer_who_sees_them(house: House, door: str) -> None:
    alice = await house.enter("alice", door)
    bob = await house.enter("bob", door)
    assert await alice.events.take("user connected") == {
        "userID": bob.session["userID"],
        "username": "bob",
        "connected": True,
        "messages": [],
    }
    assert entry(bob, alice.session["userID"])["connected"] is True
    assert bob.events.named("user connected") == []


@every_door
@pytest.mark.gen_test
async def test_a_message_reaches_the_other_and_ones_own_other_tabs_but_not_the_sending_one(
    house: House, door: str
) -> None:
    alice, bob = await house.enter("alice", door), await house.enter("bob", door)
    tab = await house.again(alice, door)
    reply = await alice.command("private message", {"to": bob.session["userID"], "content": "hi"})
    expected = {"content": "hi", "from": alice.session["userID"], "to": bob.session["userID"], "seq": 1}
    for client in (bob, tab):
        event = await client.events.take("private message")
        assert event.items() >= expected.items()
        assert (event["id"], event["at"]) == (reply["data"]["id"], reply["data"]["at"])
    await bob.command("private message", {"to": alice.session["userID"], "content": "and hi to you"})
    assert (await alice.events.take("private message"))["seq"] == 2
    assert len(alice.events.named("private message")) == 1


@every_door
@pytest.mark.gen_test
async def test_a_message_to_oneself_is_stored_once_and_reaches_ones_other_tabs(
    house: House, door: str
) -> None:
    alice = await house.enter("alice", door)
    tab = await house.again(alice, door)
    await alice.command("private message", {"to": alice.session["userID"], "content": "milk"})
    assert (await tab.events.take("private message"))["content"] == "milk"
    page = await alice.command("history", {"with": alice.session["userID"]})
    assert [message["content"] for message in page["data"]["messages"]] == ["milk"]
    assert len(tab.events.named("private message")) == 1


@every_door
@pytest.mark.gen_test
async def test_a_reload_keeps_the_user_and_shows_nobody_a_flicker(build: Build, door: str) -> None:
    house = await build(grace=0.5)
    alice, bob = await house.enter("alice", door), await house.enter("bob")
    await alice.close()
    again = await house.again(alice, door)
    assert again.session == alice.session
    await asyncio.sleep(0.6)
    assert bob.events.named("user disconnected") == []
    assert len(bob.events.named("user connected")) == 0


@every_door
@pytest.mark.gen_test
async def test_only_the_last_tab_leaving_makes_one_disappear_and_only_once(house: House, door: str) -> None:
    alice, bob = await house.enter("alice", door), await house.enter("bob")
    tab = await house.again(alice, door)
    await alice.close()
    await asyncio.sleep(0.1)
    assert bob.events.named("user disconnected") == []
    await tab.close()
    assert await bob.events.take("user disconnected") == alice.session["userID"]
    await asyncio.sleep(0.1)
    assert len(bob.events.named("user disconnected")) == 1
    assert entry(await house.enter("carol"), alice.session["userID"])["connected"] is False


@every_door
@pytest.mark.gen_test
async def test_what_came_while_one_was_away_is_in_users_and_in_the_replay(house: House, door: str) -> None:
    alice, bob = await house.enter("alice", door), await house.enter("bob", door)
    cursor = bob.cursor
    await bob.close()
    await alice.command("private message", {"to": bob.session["userID"], "content": "are you there?"})
    fresh = await house.again(bob, door)
    messages = entry(fresh, alice.session["userID"])["messages"]
    assert isinstance(messages, list)
    assert [(m["content"], m["seq"]) for m in messages] == [("are you there?", 1)]
    assert fresh.events.named("private message") == []
    resumed = await house.again(bob, door, since=cursor)
    assert [m["content"] for m in resumed.events.named("private message")] == ["are you there?"]
    assert entry(resumed, alice.session["userID"])["messages"] == []
    assert resumed.events.named("reset") == []


@every_door
@pytest.mark.gen_test
async def test_a_restart_of_the_server_changes_nothing_for_anyone(build: Build, door: str) -> None:
    house = await build()
    alice, bob = await house.enter("alice", door), await house.enter("bob", door)
    await alice.command("private message", {"to": bob.session["userID"], "content": "one", "clientID": "c"})
    await house.restart()
    await alice.closed()
    alice2 = await house.again(alice, door)
    bob2 = await house.again(bob, door, since=bob.cursor)
    assert (alice2.session, bob2.session) == (alice.session, bob.session)
    assert [m["content"] for m in bob2.events.named("private message")] == ["one"]
    data = {"to": bob.session["userID"], "content": "one", "clientID": "c"}
    assert (await alice2.command("private message", data))["data"]["duplicate"] is True


@every_door
@pytest.mark.gen_test
async def test_a_session_begun_at_one_door_goes_on_at_the_other(house: House, door: str) -> None:
    alice = await house.enter("alice", door)
    other = await house.again(alice, "websocket" if door == "raw" else "raw")
    assert other.session == alice.session


@every_door
@pytest.mark.parametrize(
    "auth", [{}, {"username": ""}, {"username": " \t"}, {"sessionID": "no such session"}]
)
@pytest.mark.gen_test
async def test_the_refusal_says_invalid_username(house: House, door: str, auth: dict[str, str]) -> None:
    client = house.client(door)
    with pytest.raises(Refusal) as refusal:
        await client.connect(**auth)
    assert refusal.value.error["message"] == "invalid username"
    data = refusal.value.error.get("data", refusal.value.error)
    assert data["code"] == ("unknown_session" if "sessionID" in auth else "invalid_username")
    assert data["expected"]
    assert refusal.value.code == (4500 if door == "raw" else None)


@every_door
@pytest.mark.gen_test
async def test_an_unknown_session_with_a_name_makes_a_new_user(house: House, door: str) -> None:
    client = await house.connect(door, sessionID="of another life", username="phoenix")
    assert client.session["username"] == "phoenix"


@every_door
@pytest.mark.gen_test
async def test_a_valid_session_wins_over_a_name_beside_it(house: House, door: str) -> None:
    alice = await house.enter("alice", door)
    again = await house.again(alice, door, username="mallory")
    assert again.session == alice.session


@every_door
@pytest.mark.gen_test
async def test_two_people_may_bear_one_name(house: House, door: str) -> None:
    first, second = await house.enter("sam", door), await house.enter("sam", door)
    assert first.session["userID"] != second.session["userID"]
    assert first.session["username"] == second.session["username"]
