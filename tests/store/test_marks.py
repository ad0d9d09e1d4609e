"""How far each side has come: what a mark moves, who may know, and what is unread."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tests.store.house import Faults, House, When, together
from tornadochat.models import Conversation, Mark, Marked, MarkKind, Message, Outcome, Refused, Stored, User

Open = Callable[..., Awaitable[House]]
NOTHING = Marked(())


async def talk(house: House, one: User, other: User, count: int) -> None:
    """Messages of the one and the other in turn, the one's first."""
    pair = [(one, other), (other, one)] * count
    await asyncio.gather(*[house.post(*pair[number], str(number)) for number in range(count)])


async def view(house: House, user: User, other: User) -> Conversation:
    snapshot = await house.store.snapshot(
        user.id, everyone_up_to=200, partners=200, conversations=0, messages=20, characters=99
    )
    return next(found for found in snapshot.conversations if found.other == other)


def marks(outcome: Outcome) -> dict[str, tuple[MarkKind, int, int | None]]:
    """What each viewer is told."""
    assert isinstance(outcome, Marked)
    return {mark.viewer: (mark.kind, mark.seq, mark.unread) for mark in outcome.marks}


@pytest.mark.gen_test
async def test_both_sides_are_told_what_was_received(open_house: Open) -> None:
    house = await open_house()
    ann, bob = await house.people("ann", "bob")
    await talk(house, ann, bob, 3)
    outcome = await house.mark("received", bob, ann, 2, connection=7)
    assert outcome == Marked(
        (
            Mark(4, bob.id, bob.id, ann.id, "received", 2, 7),
            Mark(4, ann.id, bob.id, ann.id, "received", 2, 7),
        )
    )
    assert house.store.last_number == 4
    seen = await view(house, ann, bob)
    assert (seen.received, seen.read, seen.unread) == (2, 0, 1)


@pytest.mark.gen_test
async def test_what_was_read_was_received_and_one_is_told_what_is_left(open_house: Open) -> None:
    house = await open_house()
    ann, bob = await house.people("ann", "bob")
    await talk(house, ann, bob, 7)
    outcome = await house.mark("read", bob, ann, 2)
    assert marks(outcome) == {bob.id: ("read", 2, 3), ann.id: ("read", 2, None)}
    assert await house.mark("received", bob, ann, 2) == NOTHING
    seen = await view(house, ann, bob)
    assert (seen.received, seen.read) == (2, 2)
    assert (await view(house, bob, ann)).unread == 3


@pytest.mark.gen_test
async def test_a_mark_is_cut_to_the_end_and_never_goes_back(open_house: Open) -> None:
    house = await open_house()
    ann, bob = await house.people("ann", "bob")
    await talk(house, ann, bob, 3)
    assert marks(await house.mark("read", bob, ann, 2**53 - 1))[bob.id] == ("read", 3, 0)
    for kind, seq in (("read", 3), ("read", 1), ("received", 3), ("received", 0), ("read", 99)):
        assert await house.mark(kind, bob, ann, seq) == NOTHING  # type: ignore[arg-type]
    assert house.store.last_number == 4, "what moves nothing takes no number"
    assert (await house.said(ann, bob, "more")).number == 5


@pytest.mark.gen_test
async def test_private_reading_is_shown_as_received_and_may_be_owned_up_to(open_house: Open) -> None:
    house = await open_house()
    ann, bob = await house.people("ann", "bob")
    await talk(house, ann, bob, 5)
    outcome = await house.mark("read", bob, ann, 4, private=True)
    assert marks(outcome) == {bob.id: ("read", 4, 1), ann.id: ("received", 4, None)}
    assert (await view(house, ann, bob)).read == 0
    # Nothing that the other side could notice comes of what it may not know.
    await house.mark("received", bob, ann, 5)
    assert list(marks(await house.mark("read", bob, ann, 5, private=True))) == [bob.id]
    assert marks(await house.mark("read", bob, ann, 3)) == {ann.id: ("read", 3, None)}
    assert marks(await house.mark("read", bob, ann, 5)) == {ann.id: ("read", 5, None)}
    assert (await view(house, ann, bob)).read == 5


@pytest.mark.gen_test
async def test_in_a_conversation_with_oneself_there_is_one_view_and_nothing_unread(open_house: Open) -> None:
    house = await open_house()
    (ann,) = await house.people("ann")
    for text in ("1", "2", "3"):
        await house.said(ann, ann, text)
    assert (await view(house, ann, ann)).unread == 0
    assert marks(await house.mark("read", ann, ann, 2, private=True)) == {ann.id: ("read", 2, 0)}
    assert await house.mark("read", ann, ann, 2) == NOTHING
    seen = await view(house, ann, ann)
    assert (seen.unread, seen.read, seen.received) == (0, 2, 2)


@pytest.mark.gen_test
async def test_where_nothing_was_said_there_is_nothing_to_mark(open_house: Open) -> None:
    house = await open_house()
    ann, bob = await house.people("ann", "bob")
    ghost = User("0123456789abcdef", "ghost")
    for other in (bob, ann, ghost, User("no id", "forged")):
        assert await house.mark("read", ann, other, 9) == NOTHING
    assert house.store.last_number == 0
    assert (await house.said(ann, bob, "hi")).seq == 1


@pytest.mark.gen_test
async def test_what_comes_together_takes_effect_in_its_order(open_house: Open) -> None:
    house = await open_house()
    ann, bob = await house.people("ann", "bob")
    first = house.post(ann, bob, "1")
    early = house.mark("read", bob, ann, 2)
    second, third = house.post(ann, bob, "2"), house.post(bob, ann, "3")
    late, last = house.mark("received", bob, ann, 3), house.mark("read", bob, ann, 2)
    await asyncio.gather(first, early, second, third, late, last)
    assert len(house.batches) == 1
    assert marks(early.result())[bob.id] == ("read", 1, 0), "the second was not there yet"
    assert marks(late.result())[bob.id] == ("received", 3, None)
    assert marks(last.result())[bob.id] == ("read", 2, 0)
    assert [logged.number for logged in house.heard] == [1, 2, 2, 3, 4, 5, 5, 6, 6]
    assert [m.number for m in await house.store.log_after(bob.id, 0, 9)] == [1, 3, 4, 5, 6]


@pytest.mark.gen_test
async def test_the_log_keeps_the_latest_of_each_mark_at_its_own_place(open_house: Open) -> None:
    house = await open_house()
    ann, bob, eve = await house.people("ann", "bob", "eve")
    await talk(house, ann, bob, 3)
    await house.mark("read", bob, ann, 1)
    await house.said(ann, bob, "4")
    await house.mark("received", bob, ann, 2)
    await house.mark("received", bob, ann, 3)
    page = await house.store.log_after(ann.id, 3, 10)
    assert [(e.number, e.kind if isinstance(e, Mark) else e.content) for e in page] == [
        (4, "read"), (5, "4"), (7, "received")
    ]  # fmt: skip
    for size in (1, 2):
        found: list[int] = []
        while more := await house.store.log_after(ann.id, found[-1] if found else 3, size):
            found += [logged.number for logged in more]
        assert found == [4, 5, 7]
    assert await house.store.log_after(eve.id, 0, 10) == []


@pytest.mark.gen_test
async def test_unread_is_counted_as_of_the_mark_or_of_the_snapshot_if_that_is_later(open_house: Open) -> None:
    house = await open_house()
    ann, bob = await house.people("ann", "bob")
    await talk(house, ann, bob, 4)
    await house.mark("read", bob, ann, 1)
    for text in ("6", "7", "8"):
        await house.said(ann, bob, text)

    async def unread(snapshot: int) -> int | None:
        [mark] = [e for e in await house.store.log_after(bob.id, 0, 99, snapshot) if isinstance(e, Mark)]
        return mark.unread

    assert [await unread(snapshot) for snapshot in (0, 5, 6, 7, 8, 99)] == [1, 1, 2, 3, 4, 4]
    [theirs] = [e for e in await house.store.log_after(ann.id, 0, 99) if isinstance(e, Mark)]
    assert theirs.unread is None


@pytest.mark.sqlite
@pytest.mark.gen_test
async def test_marks_and_counters_survive_a_restart(open_house: Open) -> None:
    house = await open_house()
    ann, bob = await house.people("ann", "bob")
    await talk(house, ann, bob, 3)
    await house.mark("read", ann, bob, 3)
    assert house.store.last_number == 4
    await house.store.close()
    house = await open_house()
    assert house.store.last_number == 4, "the last place of the log may be a mark's"
    assert await house.mark("read", ann, bob, 3) == NOTHING
    assert (await house.said(bob, ann, "4")).number == 5
    assert (await house.said(ann, bob, "5")).number == 6
    assert marks(await house.mark("read", bob, ann, 1))[bob.id] == ("read", 1, 2)
    assert (await view(house, ann, bob)).unread == 1


@pytest.mark.gen_test
@pytest.mark.parametrize("statement", ["INSERT INTO mark", "COMMIT"])
@pytest.mark.parametrize("when", ["before", "after"])
async def test_of_a_batch_that_failed_either_all_or_nothing_is_durable(
    open_house: Open, faults: Faults, statement: str, when: When
) -> None:
    house = await open_house(connect=faults.connect)
    ann, bob = await house.people("ann", "bob")
    known = await house.said(ann, bob, "1", "c1")
    faults.fail(statement, when)
    outcomes = await together(
        house.post(ann, bob, "1", "c1"), house.post(ann, bob, "2", "c2"), house.mark("read", bob, ann, 9)
    )
    assert outcomes == [Stored(known, duplicate=True), Refused("unavailable"), Refused("unavailable")]
    await house.store.flushed()
    again = await house.send(ann, bob, "2", "c2")
    durable = statement == "COMMIT" and when == "after"
    assert isinstance(again, Stored)
    assert again.duplicate is durable
    moved = await house.mark("read", bob, ann, 9)
    assert (moved == NOTHING) is durable
    assert [logged.number for logged in house.heard] == [1, 2, 3, 3]
    assert house.store.last_number == 3
    assert (await view(house, bob, ann)).unread == 0


@pytest.mark.gen_test
@pytest.mark.parametrize("when", ["before", "after"])
async def test_marks_alone_are_recovered_too(open_house: Open, faults: Faults, when: When) -> None:
    house = await open_house(connect=faults.connect)
    ann, bob = await house.people("ann", "bob")
    await house.said(ann, bob, "1")
    faults.fail("INSERT INTO mark", when)
    assert await house.mark("read", bob, ann, 1) == Refused("unavailable")
    assert (await house.mark("read", bob, ann, 1) == NOTHING) is (when == "after")
    recovered = [logged for batch in house.batches for logged in batch.recovered]
    assert {(m.number, next(iter(m.audience))) for m in recovered} == (
        {(2, ann.id), (2, bob.id)} if when == "after" else set()
    )


@pytest.mark.gen_test
async def test_what_moves_nothing_after_a_mark_that_is_lost_is_not_acknowledged(
    open_house: Open, faults: Faults
) -> None:
    house = await open_house(connect=faults.connect)
    ann, bob = await house.people("ann", "bob")
    await house.said(ann, bob, "1")
    faults.fail("INSERT INTO mark", "before")
    outcomes = await together(house.mark("read", bob, ann, 1), house.mark("read", bob, ann, 1))
    assert outcomes == [Refused("unavailable")] * 2
    assert marks(await house.mark("read", bob, ann, 1))[bob.id] == ("read", 1, 0)


@pytest.mark.gen_test
async def test_a_message_that_is_refused_harms_no_mark_of_its_batch(open_house: Open) -> None:
    house = await open_house()
    ann, bob = await house.people("ann", "bob")
    await house.said(ann, bob, "1")
    ghost = User("0123456789abcdef", "ghost")
    refused, mark, sent = await asyncio.gather(
        house.post(ann, ghost, "x"), house.mark("read", bob, ann, 2), house.post(ann, bob, "2")
    )
    assert refused == Refused("unknown_user")
    assert marks(mark)[bob.id] == ("read", 1, 0)
    assert isinstance(sent, Stored)
    assert isinstance(house.heard[-1], Message)
    assert [logged.number for logged in house.heard] == [1, 2, 2, 3]


@pytest.mark.sqlite
@pytest.mark.gen_test
async def test_a_batch_of_marks_is_bounded_like_any_other(open_house: Open) -> None:
    house = await open_house()
    ann, bob = await house.people("ann", "bob")
    await talk(house, ann, bob, 5)
    house.batches.clear()
    outcomes = await asyncio.gather(*[house.mark("received", bob, ann, n % 6) for n in range(700)])
    assert [len(batch.settled) for batch in house.batches] == [500, 200]
    assert sum(outcome != NOTHING for outcome in outcomes) == 5


@pytest.mark.gen_test
async def test_nobody_who_is_marked_is_swept_away(open_house: Open) -> None:
    house = await open_house()
    ann, bob = await house.people("ann", "bob")
    await house.said(ann, bob, "1")
    await house.mark("read", bob, ann, 1)
    assert await house.store.sweep(expired_before=10**15, keep=[]) == []
    assert (await view(house, ann, bob)).read == 1
