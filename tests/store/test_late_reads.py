"""What is committed after a reader has asked for the indexes, before it reads: it follows, none is lost."""

from pathlib import Path

import pytest

from tests.store.house import House
from tornadochat.models import Mark, Message, User
from tornadochat.store.sqlite import SQLiteStore

pytestmark = pytest.mark.sqlite


class Overtaken:
    """A house in which every read of the store is overtaken by a message, and by a mark after it."""

    def __init__(self, house: House, ann: User, bob: User) -> None:
        self.house = house
        self.ann = ann
        self.bob = bob

    @classmethod
    async def open(cls, path: Path) -> "Overtaken":
        house = await House.open(path)
        ann, bob = await house.people("ann", "bob")
        await house.send(ann, bob, "first")
        overtaken = cls(house, ann, bob)
        assert isinstance(house.store, SQLiteStore)
        writer = house.store._writer
        indexed = writer.indexed

        async def indexed_then_more() -> None:
            await indexed()
            await house.send(ann, bob, "late")
            await house.mark("read", bob, ann, 99)

        writer.indexed = indexed_then_more  # type: ignore[method-assign]
        return overtaken


@pytest.mark.gen_test
async def test_a_snapshot_ends_where_its_position_says(tmp_path: Path) -> None:
    overtaken = await Overtaken.open(tmp_path / "chat.db")
    store = overtaken.house.store
    snapshot = await store.snapshot(
        overtaken.bob.id, everyone_up_to=200, partners=200, conversations=50, messages=20, characters=999
    )
    (conversation,) = snapshot.conversations
    assert [message.content for message in conversation.messages] == ["first"]
    assert conversation.messages[-1].number <= snapshot.position
    assert (conversation.seq, conversation.unread) == (1, 0)
    later = await store.log_after(overtaken.bob.id, snapshot.position, 200)
    assert "late" in [logged.content for logged in later if isinstance(logged, Message)]
    await store.close()


@pytest.mark.gen_test
async def test_a_mark_does_not_overtake_a_message_before_it(tmp_path: Path) -> None:
    overtaken = await Overtaken.open(tmp_path / "chat.db")
    store = overtaken.house.store
    position, found = 0, list[Message | Mark]()
    for _ in range(4):
        page = await store.log_after(overtaken.ann.id, position, 200)
        found += page
        position = page[-1].number if page else position
    numbers = [logged.number for logged in found if isinstance(logged, Message)]
    told = [message.number for message in overtaken.house.published if message.number <= position]
    assert numbers == told
    await store.close()
