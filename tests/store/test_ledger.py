import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.conftest import ExpectLog
from tests.store.house import Faults, House, When, together
from tornadochat.errors import ChatError, Code
from tornadochat.models import Refused, Stored
from tornadochat.store.migrate import migrate

Open = Callable[..., Awaitable[House]]

pytestmark = pytest.mark.sqlite
UNAVAILABLE = Refused("unavailable")


@pytest.mark.gen_test
async def test_what_failed_before_the_commit_is_not_stored(open_house: Open, faults: Faults) -> None:
    house = await open_house(connect=faults.connect)
    ann, bob = await house.people("ann", "bob")
    await house.said(ann, bob, "one")
    faults.fail("INSERT INTO message", "before")
    assert await house.send(ann, bob, "two", "c2") == UNAVAILABLE
    message = await house.said(ann, bob, "two", "c2")
    assert (message.seq, message.number) == (2, 2)
    assert [batch.recovered for batch in house.batches if batch.recovered] == []


@pytest.mark.gen_test
async def test_what_failed_after_the_commit_is_published_before_anything_later(
    open_house: Open, faults: Faults
) -> None:
    house = await open_house(connect=faults.connect)
    ann, bob = await house.people("ann", "bob")
    await house.said(ann, bob, "one")
    faults.fail("INSERT INTO message", "after")
    lost = await together(house.post(ann, bob, "two", "c2"), house.post(bob, ann, "three", "c3"))
    assert lost == [UNAVAILABLE] * 2
    again = await house.send(ann, bob, "two", "c2")
    assert isinstance(again, Stored)
    assert again.duplicate
    await house.said(ann, bob, "four")
    assert [message.content for message in house.published] == ["one", "two", "three", "four"]
    assert [message.seq for message in house.published] == [1, 2, 3, 4]
    assert house.store.last_number == 4


@pytest.mark.gen_test
async def test_of_a_failed_batch_what_was_stored_before_is_still_answered(
    open_house: Open, faults: Faults
) -> None:
    house = await open_house(connect=faults.connect)
    ann, bob = await house.people("ann", "bob")
    first = await house.said(ann, bob, "one", "c1")
    faults.fail("INSERT INTO message", "before")
    outcomes = await together(
        house.post(ann, bob, "one", "c1"), house.post(ann, bob, "x", "c1"),
        house.post(ann, bob, "two", "c2"), house.post(ann, bob, "two", "c2"),
    )  # fmt: skip
    assert outcomes == [Stored(first, duplicate=True), Refused("conflict"), UNAVAILABLE, UNAVAILABLE]


@pytest.mark.gen_test
@pytest.mark.parametrize("when", ["before", "after"])
async def test_who_is_unknown_is_told_so_by_a_batch_that_fails(
    open_house: Open, faults: Faults, when: When
) -> None:
    house = await open_house(connect=faults.connect)
    ann, bob = await house.people("ann", "bob")
    faults.fail("INSERT INTO message", when)
    ghost = type(ann)("0123456789abcdef", "ghost")
    outcomes = await together(
        house.post(ann, bob, "one"), house.post(ann, ghost, "x"), house.post(ann, bob, "two", "c2")
    )
    assert outcomes == [UNAVAILABLE, Refused("unknown_user"), UNAVAILABLE]
    again = await house.send(ann, bob, "two", "c2")
    assert isinstance(again, Stored)
    assert again.duplicate == (when == "after")
    assert again.message.seq == (2 if when == "after" else 1)


@pytest.mark.gen_test
@pytest.mark.parametrize("when", ["before", "after"])
async def test_what_could_not_be_indexed_is_not_missing_from_a_read(
    open_house: Open, faults: Faults, when: When
) -> None:
    house = await open_house(connect=faults.connect)
    ann, bob = await house.people("ann", "bob")
    said = [await house.said(ann, bob, text, text) for text in ("one", "two")]
    faults.fail("UPDATE indexing", when)
    assert await house.store.log_after(bob.id, 0, 9) == said, "by opening the database again"
    assert await house.send(ann, bob, "one", "one") == Stored(said[0], duplicate=True)
    assert (await house.said(ann, bob, "three")).seq == 3
    faults.fail("UPDATE indexing", "before")
    faults.locked_out = True
    with pytest.raises(ChatError) as refused:
        await house.store.log_after(bob.id, 0, 9)
    assert refused.value.code is Code.unavailable, "rather than a page with a gap"
    faults.locked_out = False
    assert [logged.number for logged in await house.store.log_after(bob.id, 0, 9)] == [1, 2, 3]


@pytest.mark.gen_test
async def test_while_the_database_cannot_be_opened_everything_is_refused(
    open_house: Open, faults: Faults
) -> None:
    house = await open_house(connect=faults.connect)
    ann, bob = await house.people("ann", "bob")
    faults.fail("INSERT INTO message", "after")
    faults.locked_out = True
    for text in ("one", "two", "three"):
        assert await house.send(ann, bob, text, text) == UNAVAILABLE
    with pytest.raises(ChatError) as refused:
        await house.people("eve")
    assert refused.value.code is Code.unavailable
    assert not await house.store.writable()
    assert house.published == []
    faults.locked_out = False
    assert await house.store.writable(), "any write tries to open it again"
    assert [message.content for message in house.published] == ["one"], "nobody had to send it again"
    assert (await house.said(ann, bob, "two", "two")).seq == 2


@pytest.mark.gen_test
async def test_the_users_are_counted_again_when_a_sign_up_may_have_failed(
    open_house: Open, faults: Faults
) -> None:
    house = await open_house(connect=faults.connect)
    await house.people("ann", "bob")
    faults.fail("COMMIT", "after")
    with pytest.raises(ChatError):
        await house.people("eve")
    assert house.store.user_count == 3
    faults.fail("COMMIT", "before")
    with pytest.raises(ChatError):
        await house.people("zoe")
    assert house.store.user_count == 3
    await house.people("zoe")
    assert house.store.user_count == 4


@pytest.mark.gen_test
async def test_another_database_in_the_place_of_ours_is_not_written_to(
    open_house: Open, faults: Faults, path: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    house = await open_house(connect=faults.connect)
    ann, bob = await house.people("ann", "bob")
    other = tmp_path / "other.db"
    migrate(other)
    faults.redirect = other
    faults.fail("INSERT INTO message", "before")
    assert await house.send(ann, bob, "hi") == UNAVAILABLE
    assert await house.send(ann, bob, "hi") == UNAVAILABLE
    assert "another database is in its place" in caplog.text
    assert caplog.text.count("cannot be opened") == 1, "once for a reason, not at every message"
    faults.redirect = path
    assert (await house.said(ann, bob, "hi")).number == 1


@pytest.mark.gen_test
async def test_text_that_cannot_be_stored_stops_nobody(
    open_house: Open, caplog: pytest.LogCaptureFixture, expect_log: ExpectLog
) -> None:
    expect_log("writing failed: 'utf-8' codec can't encode")
    expect_log("the database is open again")
    house = await open_house()
    ann, bob = await house.people("ann", "bob")
    assert await house.send(ann, bob, "canary \ud800") == UNAVAILABLE
    assert "canary" not in caplog.text
    assert (await house.said(ann, bob, "hi")).seq == 1


@pytest.mark.gen_test
async def test_a_failure_is_logged_without_content(
    open_house: Open, faults: Faults, caplog: pytest.LogCaptureFixture
) -> None:
    house = await open_house(connect=faults.connect)
    ann, bob = await house.people("ann", "bob")
    faults.fail("INSERT INTO message", "after")
    with caplog.at_level(logging.DEBUG):
        await house.send(ann, bob, "canary", "canary")
    assert "disk I/O error" in caplog.text
    assert "events recovered: 1" in caplog.text
    assert "canary" not in caplog.text


@pytest.mark.gen_test
async def test_a_disk_that_refuses_every_message_is_told_of_once_and_again_when_it_takes_one(
    open_house: Open, faults: Faults, caplog: pytest.LogCaptureFixture
) -> None:
    house = await open_house(connect=faults.connect)
    ann, bob = await house.people("ann", "bob")
    for number in range(20):
        faults.fail("INSERT INTO message", "before")
        assert await house.send(ann, bob, f"letter {number}") == UNAVAILABLE
    assert caplog.text.count("writing failed") == 1
    assert "open again" not in caplog.text
    await house.said(ann, bob, "at last")
    assert caplog.text.count("the database is open again, and takes what is written") == 1
    assert house.store.measures.failures == {"writing": 20, "reading": 0}
