from collections.abc import Awaitable, Callable

import pytest

from tests.store.house import House
from tornadochat.models import Logged, Message, User

Open = Callable[..., Awaitable[House]]


async def page(
    house: House,
    one: User,
    other: User,
    *,
    before: int | None = None,
    after: int | None = None,
    limit: int = 50,
) -> tuple[list[int], bool]:
    messages, more = await house.store.history(one.id, other.id, before=before, after=after, limit=limit)
    return [message.seq for message in messages], more


@pytest.mark.gen_test
async def test_pages_are_ascending_and_exclusive_in_both_directions(open_house: Open) -> None:
    house = await open_house()
    ann, bob = await house.people("ann", "bob")
    for i in range(5):
        await house.said(*((ann, bob) if i % 2 else (bob, ann)), str(i))
    for one, other in [(ann, bob), (bob, ann)]:
        assert await page(house, one, other, limit=2) == ([4, 5], True)
        assert await page(house, one, other, before=4, limit=2) == ([2, 3], True)
        assert await page(house, one, other, before=2, limit=2) == ([1], False)
        assert await page(house, one, other, before=3, limit=2) == ([1, 2], False)
        assert await page(house, one, other, after=0, limit=2) == ([1, 2], True)
        assert await page(house, one, other, after=2, limit=2) == ([3, 4], True)
        assert await page(house, one, other, after=3, limit=2) == ([4, 5], False)
        assert await page(house, one, other, after=5) == ([], False)
        assert await page(house, one, other, before=1) == ([], False)
        assert await page(house, one, other) == ([1, 2, 3, 4, 5], False)


@pytest.mark.gen_test
async def test_conversations_do_not_mix(open_house: Open) -> None:
    house = await open_house()
    ann, bob, eve = await house.people("ann", "bob", "eve")
    mine = await house.said(ann, ann, "to myself")
    ours = await house.said(ann, bob, "to you")
    assert await house.store.history(ann.id, ann.id, before=None, after=None, limit=9) == ([mine], False)
    assert await house.store.history(bob.id, ann.id, before=None, after=None, limit=9) == ([ours], False)
    assert await page(house, bob, eve) == ([], False)
    assert await page(house, bob, bob) == ([], False)


@pytest.mark.gen_test
async def test_with_somebody_unknown_there_is_no_history(open_house: Open) -> None:
    house = await open_house()
    (ann,) = await house.people("ann")
    for other in ("0" * 16, "nobody"):
        assert await house.store.history(ann.id, other, before=None, after=None, limit=9) == ([], False)


@pytest.mark.gen_test
async def test_the_log_of_a_user_is_what_was_sent_or_received_in_order(open_house: Open) -> None:
    house = await open_house()
    ann, bob, eve = await house.people("ann", "bob", "eve")
    sent: list[Message] = []
    for sender, recipient in [(ann, bob), (bob, eve), (eve, ann), (ann, ann), (bob, ann), (ann, eve)] * 3:
        sent.append(await house.said(sender, recipient, "hi"))
    for user in (ann, bob, eve):
        own = [message for message in sent if user.id in (message.sender, message.recipient)]
        found: list[Logged] = []
        while more := await house.store.log_after(user.id, found[-1].number if found else 0, 2):
            found += more
        assert found == own
        assert await house.store.log_after(user.id, 4, 100) == [m for m in own if m.number > 4]
    assert await house.store.log_after(ann.id, 18, 10) == []
    assert await house.store.log_after("nobody", 0, 10) == []


@pytest.mark.gen_test
async def test_numbers_of_any_size_are_compared(open_house: Open) -> None:
    house = await open_house()
    ann, bob = await house.people("ann", "bob")
    await house.said(ann, bob, "hi")
    assert await page(house, ann, bob, before=10**30) == ([1], False)
    assert await page(house, ann, bob, after=10**30) == ([], False)
    assert await page(house, ann, bob, after=-(10**30)) == ([1], False)
    assert await page(house, ann, bob, before=-(10**30)) == ([], False)
    assert await house.store.log_after(ann.id, 10**30, 10) == []
