"""Files that are full, read-only or damaged: refused, or an error, never a false acknowledgement."""

import random
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ExpectLog
from tests.store.house import House
from tornadochat.errors import ChatError
from tornadochat.models import Refused, Stored
from tornadochat.store import StoreError

Open = Callable[..., Awaitable[House]]

UNAVAILABLE = Refused("unavailable")
PAGE = 4096


class Disk:
    """Opens connections to a file that may be full, may not be written to, or is lost for a moment."""

    def __init__(self) -> None:
        self.full = self.read_only = self.lost = False

    def connect(self, path: Path) -> sqlite3.Connection:
        mode = "ro" if self.read_only else "rw"
        connection = sqlite3.connect(
            f"{path.as_uri()}?mode={mode}",
            uri=True, isolation_level=None, check_same_thread=False, factory=OnDisk,
        )  # fmt: skip
        connection.disk = self
        return connection


class OnDisk(sqlite3.Connection):
    disk: Disk
    told_full = False

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        if self.disk.lost:
            self.disk.lost = False
            raise sqlite3.OperationalError("disk I/O error")
        if self.disk.full != self.told_full:
            self.told_full = self.disk.full
            # SQLite takes no less than there is already.
            super().execute(f"PRAGMA max_page_count = {1 if self.told_full else 1_000_000}")
        return super().execute(sql, parameters)


@pytest.mark.gen_test(timeout=30)
async def test_a_full_disk_refuses_and_with_room_again_takes_what_is_sent_again(
    open_house: Open, path: Path, expect_log: ExpectLog
) -> None:
    expect_log("writing failed: database or disk is full")
    expect_log("the database is open again")
    expect_log("the database cannot be opened: database or disk is full", required=False)
    disk = Disk()
    house = await open_house(connect=disk.connect)
    ann, bob = await house.people("ann", "bob")
    said = [await house.said(ann, bob, "one", "c1")]
    disk.full = True
    outcomes = [await house.send(ann, bob, "x" * 5_000, f"big {n}") for n in range(20)]
    stored = [outcome.message for outcome in outcomes if isinstance(outcome, Stored)]
    assert outcomes[-1] == UNAVAILABLE
    assert set(map(type, outcomes[len(stored) :])) == {Refused}
    disk.full = False
    for number in range(len(stored), 20):
        stored.append(await house.said(ann, bob, "x" * 5_000, f"big {number}"))
    assert [message.seq for message in said + stored] == list(range(1, 22))
    assert await house.store.log_after(bob.id, 0, 99) == said + stored
    assert house.published == said + stored


@pytest.mark.gen_test(timeout=30)
async def test_a_disk_that_turns_read_only_refuses_until_it_can_be_written_to(
    open_house: Open, path: Path, expect_log: ExpectLog
) -> None:
    expect_log("the database cannot be opened: attempt to write a readonly database")
    expect_log("the database is open again")
    expect_log("writing failed: disk I/O error")
    disk = Disk()
    house = await open_house(connect=disk.connect)
    ann, bob = await house.people("ann", "bob")
    await house.said(ann, bob, "one", "c1")
    disk.read_only = disk.lost = True
    assert await house.send(ann, bob, "two", "c2") == UNAVAILABLE
    assert await house.send(ann, bob, "two", "c2") == UNAVAILABLE
    assert not await house.store.writable()
    disk.read_only = False
    assert await house.store.writable()
    assert (await house.said(ann, bob, "two", "c2")).seq == 2


@pytest.mark.gen_test(timeout=30)
async def test_a_file_that_cannot_be_written_to_is_refused_at_the_start(open_house: Open, path: Path) -> None:
    house = await open_house()
    await house.store.close()
    disk = Disk()
    disk.read_only = True
    with pytest.raises(StoreError, match=f"{path}: attempt to write a readonly database"):
        await open_house(connect=disk.connect)
    assert await (await open_house()).people("ann"), "it is not kept from others"


@pytest.mark.gen_test(timeout=60)
@pytest.mark.parametrize("seed", range(12))
async def test_whatever_is_damaged_what_is_acknowledged_is_there(
    open_house: Open, path: Path, expect_log: ExpectLog, seed: int
) -> None:
    expect_log("^ERROR tornadochat.store: (writing|reading) failed", required=False)
    expect_log("^ERROR tornadochat.store: the database cannot be opened", required=False)
    expect_log("^WARNING tornadochat.store: the database is open again", required=False)
    house = await open_house()
    ann, bob = await house.people("ann", "bob")
    for number in range(60):
        await house.said(ann, bob, f"{number} " + "x" * 500, f"c{number}")
    await house.store.close()
    damage(path, random.Random(seed))
    try:
        house = await open_house()
    except StoreError as refused:
        assert str(refused).startswith(f"{path}: ")
        assert "\n" not in str(refused)
        return
    try:
        outcomes = [await house.send(ann, bob, f"after {number}", f"a{number}") for number in range(20)]
        page, _ = await house.store.history(ann.id, bob.id, before=None, after=None, limit=50)
    except ChatError:
        return
    finally:
        await house.store.close()
    acknowledged = {o.message.seq: o.message.content for o in outcomes if isinstance(o, Stored)}
    found = {message.seq: message.content for message in page}
    assert {seq: found.get(seq) for seq in acknowledged} == acknowledged


def damage(path: Path, chance: random.Random) -> None:
    """Three pages are not what they were."""
    content = bytearray(path.read_bytes())
    for _ in range(3):
        page = chance.randrange(1, len(content) // PAGE)
        start = page * PAGE + chance.choice((0, chance.randrange(PAGE)))
        length = min(chance.choice((8, 100, PAGE)), (page + 1) * PAGE - start)
        content[start : start + length] = chance.randbytes(length)
    path.write_bytes(content)
