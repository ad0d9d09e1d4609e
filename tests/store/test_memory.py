import asyncio
from pathlib import Path

import pytest

from tests.conftest import ExpectLog
from tests.store.house import House
from tornadochat.models import Batch, Stored
from tornadochat.store import open_store
from tornadochat.store.memory import MemoryStore
from tornadochat.store.sqlite import SQLiteStore


def ignore(_: Batch) -> None:
    pass


@pytest.mark.gen_test
async def test_the_url_says_which_store_and_that_nothing_is_kept(
    tmp_path: Path, expect_log: ExpectLog
) -> None:
    expect_log("WARNING tornadochat.store: the store is in memory: NOTHING IS KEPT")
    memory = await open_store("memory:", durability="full", listener=ignore)
    assert isinstance(memory, MemoryStore)
    await memory.close()
    file = await open_store(f"sqlite:///{tmp_path}/chat.db", durability="full", listener=ignore)
    assert isinstance(file, SQLiteStore)
    await file.close()


@pytest.mark.gen_test
async def test_every_store_in_memory_is_another_log() -> None:
    one, other = await House.open(None), await House.open(None)
    await one.people("ann")
    assert one.store.epoch != other.store.epoch
    assert len(one.store.epoch) == 12
    assert (one.store.log_start, other.store.user_count) == (0, 0)


@pytest.mark.gen_test
async def test_what_one_turn_of_the_loop_brings_is_settled_together_at_its_end() -> None:
    house = await House.open(None)
    ann, bob = await house.people("ann", "bob")
    posted = [house.post(ann, bob, str(i)) for i in range(1_000)]
    assert house.store.last_number == 0
    await asyncio.sleep(0)
    assert all(outcome.done() for outcome in posted)
    assert [len(batch.settled) for batch in house.batches] == [1_000]
    assert house.store.last_number == 1_000


@pytest.mark.gen_test
async def test_time_in_a_conversation_never_goes_back_in_memory_either() -> None:
    times = iter([500, 100, 300, 700])
    house = await House.open(None, clock=lambda: next(times))
    ann, bob = await house.people("ann", "bob")
    assert (await house.said(ann, bob, "1")).at == 500
    assert (await house.said(bob, ann, "2")).at == 500
    assert (await house.said(ann, ann, "another conversation")).at == 300
    assert (await house.said(ann, bob, "3")).at == 700


@pytest.mark.gen_test
async def test_who_is_found_by_a_secret_is_signed_in_as_before() -> None:
    house = await House.open(None)
    (ann,) = await house.people("ann")
    session = await house.store.find_session("ann")
    assert session is not None
    assert session.user == ann
    assert await house.store.find_session("Ann") is None
    assert await house.store.delete_sessions(ann.id, [session.handle, "other"]) == [session.handle]
    assert await house.store.find_session("ann") is None


@pytest.mark.gen_test
async def test_closing_in_memory_settles_what_was_appended() -> None:
    house = await House.open(None)
    ann, bob = await house.people("ann", "bob")
    outcome = house.post(ann, bob, "hi")
    await house.store.close()
    assert isinstance(outcome.result(), Stored)
    assert not await house.store.writable()
