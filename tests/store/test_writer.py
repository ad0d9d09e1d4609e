import asyncio
import sqlite3
import threading
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.conftest import ExpectLog
from tests.store.house import Faults, House
from tornadochat.errors import ChatError
from tornadochat.models import Batch, Logged, Outcome, Refused, Stored
from tornadochat.store.connection import connect
from tornadochat.store.log import INDEXED_AT_ONCE

Open = Callable[..., Awaitable[House]]


@pytest.mark.gen_test
async def test_what_arrives_during_a_hop_goes_together_in_the_next(open_house: Open) -> None:
    house = await open_house()
    ann, bob = await house.people("ann", "bob")
    first = house.post(ann, bob, "first")
    await asyncio.sleep(0)
    late = [house.post(ann, bob, str(i)) for i in range(20)]
    await asyncio.gather(first, *late)
    assert [len(batch.settled) for batch in house.batches] == [1, 20]


@pytest.mark.sqlite
@pytest.mark.gen_test
async def test_a_batch_is_bounded_by_number(open_house: Open) -> None:
    house = await open_house()
    ann, bob = await house.people("ann", "bob")
    await asyncio.gather(*[house.post(ann, bob, str(i)) for i in range(1_100)])
    assert [len(batch.settled) for batch in house.batches] == [500, 500, 100]
    assert [message.content for message in house.published] == [str(i) for i in range(1_100)]


@pytest.mark.sqlite
@pytest.mark.gen_test
async def test_a_batch_is_bounded_by_size_and_never_empty(open_house: Open) -> None:
    house = await open_house()
    ann, bob = await house.people("ann", "bob")
    sizes = [600_000, 600_000, 2_000_000, 400_000, 600_000]
    contents = ["x" * size for size in sizes] + ["\u20ac" * 200_000, "\u20ac" * 100_000]
    await asyncio.gather(*[house.post(ann, bob, content) for content in contents])
    assert [len(batch.settled) for batch in house.batches] == [1, 1, 1, 2, 1, 1]


@pytest.mark.gen_test
async def test_flushed_waits_for_everything_appended_before_it(open_house: Open) -> None:
    house = await open_house()
    ann, bob = await house.people("ann", "bob")
    await house.store.flushed()
    outcomes = [house.post(ann, bob, str(i)) for i in range(700)]
    await house.store.flushed()
    assert all(outcome.done() for outcome in outcomes)
    assert house.store.last_number == 700


@pytest.mark.gen_test
async def test_what_the_listener_was_told_of_can_be_read(open_house: Open) -> None:
    reads: list[tuple[int, asyncio.Future[list[Logged]]]] = []

    def listener(_: Batch) -> None:
        number = house.store.last_number
        reads.append((number, asyncio.ensure_future(house.store.log_after(ann.id, number - 1, 1))))

    house = await open_house(listener=listener)
    ann, bob = await house.people("ann", "bob")
    for i in range(20):
        house.post(ann, bob, str(i))
        await house.store.flushed()
    assert len(reads) == 20
    for number, read in reads:
        assert [message.number for message in await read] == [number]


def indexed(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        (number,) = connection.execute("SELECT number FROM indexing").fetchone()
    return int(number)


@pytest.mark.gen_test
async def test_who_reads_waits_for_the_indexes_and_nobody_else_does(open_house: Open, path: Path) -> None:
    house = await open_house()
    ann, bob = await house.people("ann", "bob")
    assert [(await house.said(ann, bob, text)).number for text in ("one", "two")] == [1, 2]
    assert indexed(path) == 0
    page = await asyncio.gather(*[house.store.log_after(ann.id, 0, 10) for _ in range(3)])
    assert [[logged.number for logged in found] for found in page] == [[1, 2]] * 3
    assert indexed(path) == 2


@pytest.mark.gen_test
async def test_what_waits_to_be_indexed_is_bounded(open_house: Open, path: Path) -> None:
    house = await open_house()
    ann, bob = await house.people("ann", "bob")
    posted = [house.post(ann, bob, str(i), str(i)) for i in range(10_000)]
    await asyncio.gather(*posted)
    assert 10_000 - indexed(path) < INDEXED_AT_ONCE + 500
    assert await house.send(ann, bob, "0", "0") == Stored(house.published[0], duplicate=True)
    assert await house.send(ann, bob, "9999", "9999") == Stored(house.published[-1], duplicate=True)


@pytest.mark.gen_test
async def test_what_waits_to_be_indexed_is_bounded_by_size_too(open_house: Open, path: Path) -> None:
    house = await open_house()
    ann, bob = await house.people("ann", "bob")
    for count in (16, 32):
        await asyncio.gather(*[house.post(ann, bob, "x" * 1_000_000) for _ in range(16)])
        assert count - indexed(path) < 10


@pytest.mark.gen_test
async def test_the_indexes_are_written_when_there_is_nothing_else_to_do(open_house: Open, path: Path) -> None:
    house = await open_house()
    ann, bob = await house.people("ann", "bob")
    await house.said(ann, bob, "hi")
    for _ in range(100):
        if indexed(path) == 1:
            break
        await asyncio.sleep(0.02)
    assert indexed(path) == 1


@pytest.mark.gen_test
async def test_who_has_a_message_that_is_not_indexed_is_not_swept(open_house: Open) -> None:
    house = await open_house()
    ann, bob, eve = await house.people("ann", "bob", "eve")
    await house.said(ann, bob, "hi")
    assert await house.store.sweep(expired_before=2_000, keep=()) == [eve.id]


@pytest.mark.gen_test
async def test_a_listener_that_fails_does_not_stop_the_writer(
    open_house: Open, expect_log: ExpectLog
) -> None:
    expect_log("publishing a batch failed")

    def listener(batch: Batch) -> None:
        for draft, outcome in batch.settled:
            draft.settle(outcome)
        raise RuntimeError("a fault in the hub")

    house = await open_house(listener=listener)
    ann, bob = await house.people("ann", "bob")
    assert (await house.said(ann, bob, "one")).seq == 1
    assert (await house.said(ann, bob, "two")).seq == 2


@pytest.mark.gen_test
async def test_what_the_listener_appends_is_stored_too(open_house: Open) -> None:
    house = await open_house()
    ann, bob = await house.people("ann", "bob")
    answers: list[asyncio.Future[Outcome]] = []
    outcome = house.post(ann, bob, "hi")
    outcome.add_done_callback(lambda _: answers.append(house.post(bob, ann, "hi yourself")))
    await outcome
    await house.store.flushed()
    assert [message.content for message in house.published] == ["hi", "hi yourself"]


@pytest.mark.gen_test
async def test_closing_stores_what_was_appended(open_house: Open) -> None:
    house = await open_house()
    ann, bob = await house.people("ann", "bob")
    outcomes = [house.post(ann, bob, str(i)) for i in range(1_200)]
    await asyncio.gather(house.store.close(), house.store.close())
    await house.store.close()
    assert all(isinstance(outcome.result(), Stored) for outcome in outcomes)


@pytest.mark.gen_test
async def test_a_disk_that_refuses_keeps_nobody_from_closing(
    open_house: Open, faults: Faults, path: Path
) -> None:
    house = await open_house(connect=faults.connect)
    ann, bob = await house.people("ann", "bob")
    faults.fail("INSERT INTO message", "before")
    faults.locked_out = True
    lost = house.post(ann, bob, "lost")
    await asyncio.wait_for(house.store.close(), 5)
    assert await lost == Refused("unavailable")
    await house.store.close()
    assert "store-writer" not in [thread.name for thread in threading.enumerate()]
    house = await open_house()
    assert (await house.said(ann, bob, "hi")).number == 1


@pytest.mark.gen_test
async def test_a_closed_store_refuses(open_house: Open) -> None:
    house = await open_house()
    ann, bob = await house.people("ann", "bob")
    await house.store.close()
    assert await house.send(ann, bob, "too late") == Refused("unavailable")
    await house.store.flushed()
    assert not await house.store.writable()
    for call in (house.store.list_sessions(ann.id), house.store.delete_sessions(ann.id, None)):
        with pytest.raises(ChatError):
            await call


@pytest.mark.sqlite
@pytest.mark.gen_test
@pytest.mark.parametrize("durability", ["full", "normal"])
async def test_the_database_is_as_durable_as_was_asked_for(open_house: Open, durability: str) -> None:
    opened: list[sqlite3.Connection] = []

    def remember(path: Path) -> sqlite3.Connection:
        opened.append(connect(path))
        return opened[-1]

    await open_house(durability=durability, connect=remember)
    (level,) = opened[0].execute("PRAGMA synchronous").fetchone()
    assert level == {"full": 2, "normal": 1}[durability]
    assert opened[0].execute("PRAGMA journal_mode").fetchone() == ("wal",)
