"""Who a user sees: the snapshot at connect, within its bounds, and the search through everyone."""

import base64
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes import Answers, House, play, turns
from tests.service.test_messages import send
from tornadochat.delivery.connection import Connection
from tornadochat.errors import ChatError, Code
from tornadochat.protocol import EVENT_BYTES_MAX, USERS_EVENT_BYTES_MAX, Person, Users, UsersReply


async def snapshot(house: House, connection: Connection, *, messages: bool = True) -> list[dict[str, Any]]:
    read = await house.roster.read(connection.user, messages=messages)
    entries: list[dict[str, Any]] = msgspec.json.decode(house.roster.event(connection, read).json)
    return entries


async def search(house: House, connection: Connection, **more: Any) -> UsersReply:
    answers = Answers()
    await house.roster.search(connection, Users(**more), answers)
    reply = answers.one
    assert isinstance(reply, UsersReply)
    return reply


@pytest.mark.gen_test
async def test_the_snapshot_has_oneself_the_conversations_by_activity_and_everyone_else() -> None:
    house = House()
    ann, _ = await house.enter("ann")
    bob, _ = await house.enter("bob")
    eve, _ = await house.enter("eve")
    await house.enter("zoe")
    send(house, ann, bob.user.id, "to bob")
    send(house, eve, ann.user.id, "to ann")
    await turns()
    house.presence.leave(eve)
    house.presence.stop()
    entries = await snapshot(house, ann)
    assert [(e["username"], e["connected"], e["seq"]) for e in entries] == [
        ("ann", True, 0),
        ("eve", False, 1),
        ("bob", True, 1),
        ("zoe", True, 0),
    ]
    assert entries[2] == {
        "userID": bob.user.id,
        "username": "bob",
        "connected": True,
        "messages": [
            {"content": "to bob", "from": ann.user.id, "to": bob.user.id, "id": "1", "seq": 1, "at": 1001}
        ],
        "unread": 0,
        "read": 0,
        "received": 0,
        "seq": 1,
    }
    assert entries[3]["messages"] == []


@pytest.mark.gen_test
async def test_the_conversation_with_oneself_is_one_s_own_entry() -> None:
    house = House()
    ann, _ = await house.enter("ann")
    send(house, ann, ann.user.id, "a note")
    await turns()
    [own] = await snapshot(house, ann)
    assert own["seq"] == 1
    assert [message["content"] for message in own["messages"]] == ["a note"]


@pytest.mark.gen_test
async def test_above_the_limit_the_snapshot_has_oneself_and_the_latest_partners() -> None:
    house = House(limit=2)
    ann, _ = await house.enter("ann")
    for name in ("bob", "eve", "zoe"):
        other, _ = await house.enter(name)
        send(house, other, ann.user.id)
        await turns()
    await house.enter("stranger")
    assert [entry["username"] for entry in await snapshot(house, ann)] == ["ann", "zoe", "eve"]


@pytest.mark.gen_test
async def test_a_snapshot_without_messages_keeps_people_and_their_last_seq() -> None:
    house = House()
    ann, _ = await house.enter("ann")
    bob, _ = await house.enter("bob")
    send(house, bob, ann.user.id)
    await turns()
    entries = await snapshot(house, ann, messages=False)
    assert [(e["seq"], e["messages"]) for e in entries] == [(0, []), (1, [])]


@pytest.mark.gen_test
async def test_who_is_in_the_snapshot_counts_as_told_of_and_nothing_is_held_back_about_them() -> None:
    house = House(grace=0)
    ann, _ = await house.enter("ann")
    bob, _ = await house.enter("bob")
    eve, _ = await house.enter("eve")
    house.presence.leave(eve)
    house.presence.stop()
    ann.told.clear()
    ann.held[bob.user.id] = bob.user
    await snapshot(house, ann)
    assert ann.told == {ann.user.id: True, bob.user.id: True, eve.user.id: False}
    assert ann.held == {}


@pytest.mark.gen_test
async def test_a_conversation_shows_its_last_twenty_messages() -> None:
    house = House()
    ann, _ = await house.enter("ann")
    bob, _ = await house.enter("bob")
    for _ in range(23):
        send(house, bob, ann.user.id)
    await turns()
    entry = (await snapshot(house, ann))[1]
    assert [message["seq"] for message in entry["messages"]] == list(range(4, 24))


@pytest.mark.gen_test
async def test_a_snapshot_too_large_for_one_frame_loses_the_oldest_conversations_first() -> None:
    house = House(characters=10_000)
    ann, _ = await house.enter("ann")
    for number in range(10):
        other, _ = await house.enter(f"no. {number}")
        for _ in range(4):
            send(house, other, ann.user.id, "x" * 9_000)
        await turns()
    read = await house.roster.read(ann.user, messages=True)
    event = house.roster.event(ann, read)
    assert USERS_EVENT_BYTES_MAX - 40_000 < len(event.json) <= USERS_EVENT_BYTES_MAX - 32
    entries = msgspec.json.decode(event.json)
    assert [len(entry["messages"]) for entry in entries] == [0, 4, 4, 4, 4, 4, 4, 4, 0, 0, 0]
    assert [entry["seq"] for entry in entries] == [0] + [4] * 10


@pytest.mark.gen_test
async def test_of_conversations_of_the_same_moment_too_the_older_ones_go_first() -> None:
    house = House(characters=10_000)
    ann, _ = await house.enter("ann")
    for number in range(10):
        other, _ = await house.enter(f"no. {number}")
        for _ in range(4):
            send(house, other, ann.user.id, "x" * 9_000)
        await turns()
    house.store.log = [msgspec.structs.replace(message, at=5) for message in house.store.log]
    entries = await snapshot(house, ann)
    assert [len(entry["messages"]) for entry in entries] == [0, 4, 4, 4, 4, 4, 4, 4, 0, 0, 0]


@pytest.mark.gen_test
async def test_search_pages_through_everyone_by_folded_name() -> None:
    house = House()
    ann, _ = await house.enter("Ann")
    for name in ("bob", "BOB", "\u00c9ric", "Carl"):
        await house.enter(name)
    names: list[str] = []
    place: str | None = None
    while True:
        reply = await search(house, ann, after=place, limit=2)
        names += [person.username for person in reply.users]
        place = reply.next
        if place is None:
            break
    assert names == ["Ann", "bob", "BOB", "Carl", "\u00c9ric"]


@pytest.mark.gen_test
async def test_search_finds_by_the_beginning_of_a_name_in_any_case_and_tells_who_is_there() -> None:
    house = House()
    ann, _ = await house.enter("Ann")
    bob, _ = await house.enter("Bobby")
    await house.enter("abob")
    house.presence.leave(bob)
    house.presence.stop()
    assert await search(house, ann, query="bOB") == UsersReply([Person(bob.user.id, "Bobby", False)], None)
    assert (await search(house, ann, query="x")).users == []


@pytest.mark.gen_test
async def test_a_last_page_that_is_exactly_full_has_no_next() -> None:
    house = House()
    ann, _ = await house.enter("ann")
    await house.enter("bob")
    assert (await search(house, ann, limit=2)).next is None


@pytest.mark.gen_test
async def test_search_gives_no_more_than_the_house_allows() -> None:
    house = House(users_page=1)
    ann, _ = await house.enter("ann")
    await house.enter("bob")
    reply = await search(house, ann, limit=200)
    assert len(reply.users) == 1
    assert reply.next is not None


def encoded(text: bytes) -> str:
    return base64.urlsafe_b64encode(text).decode()


@given(
    st.text(max_size=60)
    | st.binary(max_size=60).map(encoded)
    | st.text(max_size=20).map(lambda t: encoded(t.encode()))
)
def test_any_text_as_a_place_finds_a_page_or_is_refused(after: str) -> None:
    async def scene() -> None:
        house = House()
        ann, _ = await house.enter("ann")
        try:
            await search(house, ann, after=after)
        except ChatError as refusal:
            assert (refusal.code, refusal.field) == (Code.invalid, "after")
            assert refusal.expected

    play(scene())


@pytest.mark.parametrize(
    "place", [b'["\xff","a"]', b'["a"]', b'["a","b","c"]', b"[1,2]", b'["\\ud800","a"]', b"[" * 5000, b""]
)
def test_a_place_that_is_none_is_refused(place: bytes) -> None:
    async def scene() -> None:
        house = House()
        ann, _ = await house.enter("ann")
        with pytest.raises(ChatError) as refusal:
            await search(house, ann, after=encoded(place))
        assert refusal.value.field == "after"

    play(scene())


def test_the_bound_of_the_snapshot_leaves_room_under_the_bound_of_all_events() -> None:
    assert USERS_EVENT_BYTES_MAX < EVENT_BYTES_MAX
