import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.store.house import House
from tornadochat.models import Draft, Message, Refused, Stored, User
from tornadochat.store import rooms
from tornadochat.store.connection import connect
from tornadochat.store.log import open_log

Open = Callable[..., Awaitable[House]]


@pytest.mark.gen_test
async def test_a_message_is_stored_as_it_was_sent(open_house: Open) -> None:
    house = await open_house(clock=lambda: 5_000)
    ann, bob = await house.people("ann", "bob")
    outcome = await house.post(ann, bob, 'hi "bob"\n\u2028 \U0001f600 \\u0000', "c1", connection=7)
    assert outcome == Stored(
        Message(1, ann.id, bob.id, 1, 'hi "bob"\n\u2028 \U0001f600 \\u0000', 5_000, "c1", 7), duplicate=False
    )
    assert await house.store.log_after(bob.id, 0, 10) == [outcome.message]


@pytest.mark.gen_test
async def test_the_same_message_again_is_answered_as_the_first(open_house: Open) -> None:
    house = await open_house()
    ann, bob = await house.people("ann", "bob")
    first = await house.said(ann, bob, "hi", "c1")
    assert await house.send(ann, bob, "hi", "c1") == Stored(first, duplicate=True)
    assert house.published == [first]


@pytest.mark.gen_test
async def test_the_same_message_twice_in_one_batch_is_stored_once(open_house: Open) -> None:
    house = await open_house()
    ann, bob = await house.people("ann", "bob")
    first, again, other = await asyncio.gather(
        house.post(ann, bob, "hi", "c1"), house.post(ann, bob, "hi", "c1"), house.post(ann, bob, "ho", "c1")
    )
    assert isinstance(first, Stored)
    assert again == Stored(first.message, duplicate=True)
    assert other == Refused("conflict")
    assert len(house.batches) == 1


@pytest.mark.sqlite
@pytest.mark.gen_test
async def test_the_same_message_after_a_restart_is_answered_as_the_first(open_house: Open) -> None:
    house = await open_house()
    ann, bob = await house.people("ann", "bob")
    first = await house.said(ann, bob, "hi", "c1")
    await house.store.close()
    house = await open_house()
    assert await house.send(ann, bob, "hi", "c1") == Stored(first, duplicate=True)
    assert await house.send(ann, bob, "ho", "c1") == Refused("conflict")
    assert (await house.said(ann, bob, "on we go", "c2")).seq == 2


@pytest.mark.gen_test
async def test_a_client_id_used_for_another_text_or_person_is_a_conflict(open_house: Open) -> None:
    house = await open_house()
    ann, bob = await house.people("ann", "bob")
    await house.said(ann, bob, "hi", "c1")
    assert await house.send(ann, bob, "hi!", "c1") == Refused("conflict")
    assert await house.send(ann, ann, "hi", "c1") == Refused("conflict")
    assert (await house.said(bob, ann, "hi", "c1")).seq == 2, "the scope of a clientID is its user"


@pytest.mark.gen_test
async def test_without_a_client_id_every_message_is_new(open_house: Open) -> None:
    house = await open_house()
    ann, bob = await house.people("ann", "bob")
    assert [(await house.said(ann, bob, "hi")).seq for _ in range(3)] == [1, 2, 3]


@pytest.mark.gen_test
async def test_seqs_have_no_gaps_however_conversations_interleave(open_house: Open) -> None:
    house = await open_house()
    people = await house.people("ann", "bob", "eve")
    seqs_of: dict[frozenset[str], list[int]] = {}
    posted = [
        house.post(people[i % 3], people[i // 3 % 3], str(i), f"c{i - i % 7}" if i % 7 < 2 else None)
        for i in range(1_200)
    ]
    await asyncio.gather(*posted)
    for message in house.published:
        seqs_of.setdefault(frozenset((message.sender, message.recipient)), []).append(message.seq)
    assert len(seqs_of) == 6
    assert all(seqs == list(range(1, len(seqs) + 1)) for seqs in seqs_of.values())
    assert [message.number for message in house.published] == list(range(1, len(house.published) + 1))


@pytest.mark.sqlite
@pytest.mark.gen_test
async def test_time_in_a_conversation_never_goes_back(open_house: Open) -> None:
    times = iter([500, 100, 300, 50, 700])
    house = await open_house(clock=lambda: next(times))
    ann, bob = await house.people("ann", "bob")
    assert (await house.said(ann, bob, "1")).at == 500
    assert (await house.said(bob, ann, "2")).at == 500
    assert (await house.said(ann, ann, "another conversation")).at == 300
    await house.store.close()
    house = await open_house(clock=lambda: next(times))
    assert (await house.said(ann, bob, "3")).at == 500
    assert (await house.said(ann, bob, "4")).at == 700


@pytest.mark.gen_test
async def test_a_user_who_is_gone_refuses_only_the_own_messages(open_house: Open) -> None:
    house = await open_house()
    ann, bob = await house.people("ann", "bob")
    ghost, forged = User("0123456789abcdef", "ghost"), User("not an id", "forged")
    before, to_ghost, again, to_forged, from_ghost, after = await asyncio.gather(
        house.post(ann, bob, "before"),
        house.post(ann, ghost, "x", "c1"),
        house.post(ann, ghost, "x", "c1"),
        house.post(ann, forged, "x"),
        house.post(ghost, ann, "x"),
        house.post(ann, bob, "after"),
    )
    assert [to_ghost, again, to_forged, from_ghost] == [Refused("unknown_user")] * 4
    assert isinstance(before, Stored)
    assert isinstance(after, Stored)
    assert (before.message.seq, after.message.seq) == (1, 2)
    assert (before.message.number, after.message.number) == (1, 2)
    assert (await house.said(ann, bob, "c1 is still free", "c1")).seq == 3


@pytest.mark.gen_test
async def test_a_room_is_where_its_latest_indexed_message_says(open_house: Open, path: Path) -> None:
    house = await open_house(clock=lambda: 5_000)
    ann, bob = await house.people("ann", "bob")
    for sender, recipient in [(ann, bob), (bob, ann), (bob, bob)]:
        await house.said(sender, recipient, "hi")
    await house.store.log_after(ann.id, 0, 1)  # puts everything in the indexes
    low, high = sorted(int(someone.id, 16) for someone in (ann, bob))
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute("SELECT low, high, seq, number, at FROM room ORDER BY number").fetchall()
    own = int(bob.id, 16)
    assert found == [(low, high, 2, 2, 5_000), (own, own, 1, 3, 5_000)]


@pytest.mark.gen_test
async def test_forgotten_counters_are_read_again(open_house: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms, "_CACHED", 1)
    house = await open_house()
    ann, bob, eve = await house.people("ann", "bob", "eve")
    for seq in (1, 2, 3):
        assert (await house.said(ann, bob, "hi")).seq == seq
        assert (await house.said(ann, eve, "hi")).seq == seq
        await house.store.log_after(ann.id, 0, 1)  # puts everything in the indexes


@pytest.mark.gen_test
@pytest.mark.parametrize("waiting", [False, True], ids=["all is indexed", "a message waits"])
async def test_counters_are_forgotten_even_where_nothing_is_appended(
    open_house: Open, path: Path, monkeypatch: pytest.MonkeyPatch, waiting: bool
) -> None:
    house = await open_house()
    people = await house.people(*"abcdef")
    ann, others = people[0], people[1:]
    for other in others:
        await house.said(ann, other, "hi", other.id)
    await house.store.close()
    monkeypatch.setattr(rooms, "_CACHED", 2)
    log = open_log(path, connect, "normal", lambda: 0)
    again = [Draft(ann, other, "hi", other.id, 1, print) for other in others]
    with closing(log.connection):
        if waiting:
            log.append([Draft(ann, ann, "hi", "new", 1, print)])
        for draft in again * 3:
            (outcome,) = log.append([draft])
            assert isinstance(outcome, Stored)
            assert outcome.duplicate
            assert len(log._rooms._rooms) <= 3
        (outcome,) = log.append([Draft(ann, ann, "on we go", None, 1, print)])
    assert isinstance(outcome, Stored)
    assert outcome.message.seq == 1 + waiting


@pytest.mark.gen_test
async def test_the_greatest_key_there_can_be_is_a_key_like_any_other(open_house: Open, path: Path) -> None:
    house = await open_house()
    (ann,) = await house.people("ann")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO user VALUES (?, 'max', 'max', 0)", (2**63 - 1,))
    last = User("7" + "f" * 15, "max")
    message = await house.said(ann, last, "hi", "c1")
    assert await house.send(ann, last, "hi", "c1") == Stored(message, duplicate=True)
    assert await house.store.log_after(last.id, 0, 10) == [message]
