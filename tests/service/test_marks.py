"""Received and read: who is told what, when the reply comes, and what happens to those who were away."""

from typing import Any

import pytest

from tests.fakes import Answers, House, refused, turns, until
from tests.service.test_messages import send
from tornadochat.delivery.connection import Connection
from tornadochat.errors import ChatError
from tornadochat.protocol import Empty, Read, Received


def read(
    house: House, connection: Connection, other: Connection, seq: int, private: bool | None = None
) -> Answers:
    answers = Answers()
    assert house.marks.read_now(connection, Read(other.user.id, seq, private), answers)
    return answers


def received(house: House, connection: Connection, other: Connection, seq: int) -> Answers:
    answers = Answers()
    assert house.marks.received_now(connection, Received(other.user.id, seq), answers)
    return answers


def mark(number: int, sender: Connection, other: Connection, seq: int, **unread: int) -> dict[str, Any]:
    return {"from": sender.user.id, "with": other.user.id, "seq": seq, "cursor": f"e.{number}", **unread}


async def again(house: House, connection: Connection, **data: str) -> tuple[Connection, Any]:
    """Another connection of the same session, live."""
    other, transport = await house.connect(sessionID=house.secret(connection), **data)
    await until(lambda: other.live)
    return other, transport


@pytest.mark.gen_test
async def test_both_sides_hear_of_a_mark_but_not_the_connection_that_made_it() -> None:
    house = House()
    ann, to_ann = await house.enter("ann")
    bob, to_bob = await house.enter("bob")
    _, to_tab = await again(house, bob)
    eve, to_eve = await house.enter("eve")
    for text in ("1", "2", "3"):
        send(house, ann, bob.user.id, text)
    await turns()
    for transport in (to_ann, to_bob, to_tab, to_eve):
        transport.take()
    assert received(house, bob, ann, 2) == [], "the reply comes after the commit"
    await turns()
    assert to_ann.take() == to_tab.take() == [("received", mark(4, bob, ann, 2))]
    answers = read(house, bob, ann, 2)
    await turns()
    assert answers.one == Empty()
    assert to_ann.take() == [("read", mark(5, bob, ann, 2))]
    assert to_tab.take() == [("read", mark(5, bob, ann, 2, unread=1))]
    assert to_bob.take() == to_eve.take() == []
    assert eve.position == 0
    assert bob.position == 5, "what it caused itself is behind it as well"


@pytest.mark.gen_test
async def test_everyone_is_told_before_the_reply() -> None:
    house = House()
    ann, to_ann = await house.enter("ann")
    bob, _ = await house.enter("bob")
    send(house, ann, bob.user.id)
    await turns()
    told: list[int] = []
    command = Read(ann.user.id, 1)
    assert house.marks.read_now(bob, command, lambda _: told.append(len(to_ann.named("read"))))
    await turns()
    assert told == [1]


@pytest.mark.gen_test
async def test_what_is_read_in_private_the_other_side_knows_as_received() -> None:
    house = House()
    ann, to_ann = await house.enter("ann")
    bob, _ = await house.enter("bob")
    _, to_tab = await again(house, bob)
    send(house, ann, bob.user.id)
    await turns()
    to_ann.take(), to_tab.take()
    read(house, bob, ann, 1, private=True)
    await turns()
    assert to_ann.take() == [("received", mark(2, bob, ann, 1))]
    assert to_tab.take() == [("read", mark(2, bob, ann, 1, unread=0))]
    read(house, bob, ann, 1)
    await turns()
    assert to_ann.take() == [("read", mark(3, bob, ann, 1))]
    assert to_tab.take() == []


@pytest.mark.gen_test
async def test_old_news_is_answered_and_told_to_nobody() -> None:
    house = House()
    ann, to_ann = await house.enter("ann")
    bob, _ = await house.enter("bob")
    assert read(house, bob, ann, 9) == []
    await turns()
    send(house, ann, bob.user.id)
    read(house, bob, ann, 1)
    await turns()
    to_ann.take()
    answers = [read(house, bob, ann, 1), received(house, bob, ann, 1), read(house, bob, ann, 0)]
    await turns()
    assert [answer.one for answer in answers] == [Empty()] * 3
    assert to_ann.events == []
    assert house.store.last_number == 2


@pytest.mark.gen_test
async def test_nobody_can_mark_towards_nobody() -> None:
    house = House()
    ann, _ = await house.enter("ann")
    answers = Answers()
    assert not house.marks.read_now(ann, Read("nobody", 1), answers)
    assert not house.marks.received_now(ann, Received("nobody", 1), answers)
    for refusal in (house.marks.read(ann, Read("nobody", 1), answers),
                    house.marks.received(ann, Received("nobody", 1), answers)):  # fmt: skip
        with pytest.raises(ChatError) as raised:
            await refusal
        assert refused(raised.value) == {
            "code": "unknown_user",
            "message": "there is no such user",
            "retryable": False,
            "field": "with",
            "expected": "the userID of an existing user",
        }
    assert answers == []


@pytest.mark.gen_test
async def test_who_is_not_at_hand_is_looked_up() -> None:
    house = House()
    ann, _ = await house.enter("ann")
    bob, _ = await house.enter("bob")
    house.directory.forget([bob.user.id])
    answers = Answers()
    await house.marks.received(ann, Received(bob.user.id, 1), answers)
    await house.marks.read(ann, Read(bob.user.id, 1), answers)
    await turns()
    assert answers == [Empty(), Empty()]


@pytest.mark.gen_test
async def test_a_mark_whose_fate_is_unknown_is_refused_and_told_from_the_log_if_it_is_there() -> None:
    house = House(prompt=False)
    ann, to_ann = await house.enter("ann")
    bob, _ = await house.enter("bob")
    send(house, ann, bob.user.id)
    house.store.settle()
    to_ann.take()
    answers = read(house, bob, ann, 1)
    house.store.commit()
    house.store.lose_track()
    house.store.publish()
    await until(lambda: ann.live)
    assert (refused(answers.one)["code"], refused(answers.one)["retryable"]) == ("unavailable", True)
    assert to_ann.take() == [("read", mark(2, bob, ann, 1))]


@pytest.mark.gen_test
async def test_after_a_return_marks_are_replayed_one_s_own_too_and_the_snapshot_is_of_now() -> None:
    house = House()
    ann, _ = await house.enter("ann")
    bob, _ = await house.enter("bob")
    for text in ("1", "2", "3"):
        send(house, ann, bob.user.id, text)
    received(house, bob, ann, 3)
    read(house, bob, ann, 1)
    send(house, ann, bob.user.id, "4")
    await turns()
    _, transport = await again(house, bob, since="e.3")
    assert transport.names == ["session", "users", "received", "read", "private message", "ready"]
    [users] = transport.named("users")
    [entry] = [entry for entry in users if entry["userID"] == ann.user.id]
    assert (entry["messages"], entry["seq"], entry["unread"]) == ([], 4, 3)
    # The message that follows is known to the snapshot, and will not be counted again.
    assert transport.named("read") == [mark(5, bob, ann, 1, unread=3)]
    assert transport.named("ready") == [{"cursor": "e.6"}]
    _, transport = await again(house, ann, since="e.5")
    [users] = transport.named("users")
    [entry] = [entry for entry in users if entry["userID"] == bob.user.id]
    assert (entry["read"], entry["received"], entry["unread"]) == (1, 3, 0)
    assert transport.names == ["session", "users", "private message", "ready"]


@pytest.mark.gen_test
async def test_who_falls_behind_is_told_of_marks_from_the_log() -> None:
    house = House(outbox_bytes=100)
    ann, _ = await house.enter("ann")
    bob, _ = await house.enter("bob")
    _, to_tab = await again(house, bob)
    tab = house.hub.of(bob.user.id)[1]
    to_tab.weight = 60
    for text in ("1", "2", "3"):
        send(house, ann, bob.user.id, text)
    await turns()
    assert not tab.live
    read(house, bob, ann, 2)
    send(house, ann, bob.user.id, "4")
    await turns()
    to_tab.take()
    to_tab.weight = 0
    to_tab.drain()
    await until(lambda: tab.live)
    assert to_tab.names == ["private message", "read", "private message"]
    assert to_tab.named("read") == [mark(4, bob, ann, 2, unread=1)]
