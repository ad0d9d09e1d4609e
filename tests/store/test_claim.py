"""One server for one database, and the file that is in its place."""

from pathlib import Path

import pytest

from tests.store.house import House
from tornadochat.store import StoreError
from tornadochat.store.claim import Claim, is_claimed, lock_of
from tornadochat.store.sqlite import SQLiteStore


async def open_store(path: Path) -> SQLiteStore:
    return await SQLiteStore.open(f"sqlite:///{path}", durability="full", listener=lambda _: None)


@pytest.mark.gen_test
async def test_a_second_server_on_the_same_database_is_refused(tmp_path: Path) -> None:
    first = await open_store(tmp_path / "chat.db")
    with pytest.raises(StoreError, match="in use by another server"):
        await open_store(tmp_path / "chat.db")
    await first.close()
    second = await open_store(tmp_path / "chat.db")
    await second.close()


@pytest.mark.gen_test
async def test_a_database_that_cannot_be_opened_is_not_kept_from_others(tmp_path: Path) -> None:
    (tmp_path / "chat.db").write_text("this is no database, though it is long enough to look like one" * 20)
    for _ in range(2):
        with pytest.raises(StoreError, match="not a database"):
            await open_store(tmp_path / "chat.db")


@pytest.mark.gen_test
async def test_a_file_that_was_deleted_is_not_writable(tmp_path: Path) -> None:
    house = await House.open(tmp_path / "chat.db")
    assert await house.store.writable()
    (tmp_path / "chat.db").unlink()
    assert not await house.store.writable()
    (tmp_path / "chat.db").touch()
    assert not await house.store.writable()
    await house.store.close()


def test_a_claim_can_be_seen_without_taking_it(path: Path) -> None:
    assert not is_claimed(path)
    assert not lock_of(path).exists()
    claim = Claim(path)
    assert is_claimed(path)
    claim.release()
    assert not is_claimed(path)
    Claim(path).release()
