"""Typing: a lease for those who are there, seldom, and dropped before anything else is."""

import pytest

from tests.fakes import Answers, FakeTransport, House, turns, until
from tornadochat.delivery.connection import Connection
from tornadochat.errors import ChatError, Code
from tornadochat.protocol import Empty, Typing
from tornadochat.service import typing


def types(house: House, connection: Connection, to: Connection) -> None:
    answers = Answers()
    assert house.typing.typing_now(connection, Typing(to.user.id), answers)
    assert answers.one == Empty()


async def pair(house: House) -> tuple[Connection, FakeTransport, Connection, FakeTransport]:
    ann, to_ann = await house.enter("ann")
    bob, to_bob = await house.enter("bob")
    to_ann.take()
    return ann, to_ann, bob, to_bob


@pytest.mark.gen_test
async def test_every_connection_of_the_other_is_told_until_when_and_none_of_one_s_own() -> None:
    house = House()
    ann, to_ann, bob, to_bob = await pair(house)
    connections = [await house.connect(sessionID=house.secret(someone)) for someone in (ann, bob)]
    await until(lambda: all(connection.live for connection, _ in connections))
    types(house, ann, bob)
    told = [("typing", {"from": ann.user.id, "until": house.now + 6_000})]
    assert to_bob.events == told
    assert connections[1][1].take()[-1:] == told
    assert to_ann.named("typing") == connections[0][1].named("typing") == []


@pytest.mark.gen_test
async def test_one_event_in_two_seconds_is_enough_for_a_pair() -> None:
    house = House()
    ann, to_ann, bob, to_bob = await pair(house)
    for house.seconds in (0.0, 0.5, 1.9, 2.0, 3.9, 4.1):
        types(house, ann, bob)
    assert len(to_bob.named("typing")) == 3
    types(house, bob, ann)
    assert len(to_ann.named("typing")) == 1, "the other direction is another pair"


@pytest.mark.gen_test
async def test_who_is_away_is_not_told_and_neither_is_oneself() -> None:
    house = House(grace=10.0)
    ann, to_ann, bob, to_bob = await pair(house)
    types(house, ann, ann)
    house.presence.leave(bob)
    types(house, ann, bob)
    assert to_ann.events == to_bob.events == []
    await house.stop()


@pytest.mark.gen_test
async def test_who_catches_up_or_does_not_read_is_not_told_and_loses_nothing_else() -> None:
    house = House(outbox_bytes=100)
    ann, _, bob, to_bob = await pair(house)
    to_bob.buffered = 101
    types(house, ann, bob)
    to_bob.drain()
    bob.live = False
    types(house, ann, bob)
    assert to_bob.events == []
    assert (bob.noted, bob.position, bob.held) == (0, 0, {})
    bob.live = True
    types(house, ann, bob)
    assert to_bob.names == ["typing"], "what was dropped does not count"


@pytest.mark.gen_test
async def test_typing_introduces_nobody() -> None:
    house = House(limit=0)
    ann, _, bob, to_bob = await pair(house)
    assert ann.user.id not in bob.told
    types(house, ann, bob)
    assert to_bob.events == []


@pytest.mark.gen_test
async def test_nobody_can_type_to_nobody() -> None:
    house = House()
    ann, _ = await house.enter("ann")
    answers = Answers()
    assert not house.typing.typing_now(ann, Typing("nobody"), answers)
    with pytest.raises(ChatError) as refusal:
        await house.typing.typing(ann, Typing("nobody"), answers)
    assert (refusal.value.code, refusal.value.field) == (Code.unknown_user, "to")
    assert answers == []


@pytest.mark.gen_test
async def test_who_is_not_at_hand_is_looked_up() -> None:
    house = House()
    ann, _, bob, to_bob = await pair(house)
    house.directory.forget([bob.user.id])
    answers = Answers()
    await house.typing.typing(ann, Typing(bob.user.id), answers)
    assert answers.one == Empty()
    assert to_bob.names == ["typing"]


@pytest.mark.gen_test
async def test_typing_is_not_in_the_log() -> None:
    house = House()
    ann, _, bob, _ = await pair(house)
    types(house, ann, bob)
    await turns()
    assert house.store.last_number == 0
    _, transport = await house.connect(sessionID=house.secret(bob), since="e.0")
    await turns()
    assert "typing" not in transport.names


@pytest.mark.gen_test
async def test_what_is_remembered_lapses_by_itself_and_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(typing, "PAIRS_MOST", 2)
    house = House()
    people = [await house.enter(name) for name in ("ann", "bob", "eve", "zoe")]
    ann, *others = [connection for connection, _ in people]
    for other in others:
        types(house, ann, other)
    assert [len(transport.named("typing")) for _, transport in people] == [0, 1, 1, 0]
    assert len(house.typing._told) == 2
    house.seconds = 2.0
    types(house, ann, others[2])
    assert len(people[3][1].named("typing")) == 1
    assert list(house.typing._told) == [(ann.user.id, others[2].user.id)]
