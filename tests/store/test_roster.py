from collections.abc import Awaitable, Callable

import pytest

from tests.store.house import House
from tornadochat.models import Snapshot, User
from tornadochat.store import folded

Open = Callable[..., Awaitable[House]]


@pytest.mark.gen_test
async def test_users_are_found_by_id_and_unknown_ones_are_absent(open_house: Open) -> None:
    house = await open_house()
    ann, bob = await house.people("ann", "bob")
    found = await house.store.find_users(
        [ann.id, bob.id, bob.id, "0" * 16, ann.id.upper() + " ", "", "x" * 99]
    )
    assert found == {ann.id: ann, bob.id: bob}
    assert await house.store.find_users([]) == {}


async def names(house: House, prefix: str) -> list[str]:
    return [user.username for user in await house.store.search_users(prefix, None, 100)]


@pytest.mark.gen_test
@pytest.mark.parametrize(
    "prefix", ["%", "_", "*", "?", "[", "'", "\\", "\U0001f600", "\ud7ff", "\U0010ffff", "é"]
)
async def test_a_prefix_means_itself(open_house: Open, prefix: str) -> None:
    house = await open_house()
    await house.people("a", "zz", prefix, prefix + "b", "b" + prefix, "\U0010fffe", "\ue000")
    assert await names(house, prefix) == [prefix, prefix + "b"]


@pytest.mark.gen_test
async def test_search_is_by_folded_name(open_house: Open) -> None:
    house = await open_house()
    await house.people("Bob", "ANNA", "Straße", "anton")
    assert await names(house, folded("AN")) == ["ANNA", "anton"]
    assert await names(house, folded("STRASSE")) == ["Straße"]
    assert await names(house, "") == ["ANNA", "anton", "Bob", "Straße"]


@pytest.mark.gen_test
@pytest.mark.parametrize("prefix", ["", "a"])
async def test_pages_join_without_gap_or_overlap_even_among_namesakes(open_house: Open, prefix: str) -> None:
    house = await open_house()
    people = await house.people("ab", "aa", "ac", "b", "A")
    people += [
        (await house.store.create_user("ann", secret=f"ann {i}", door="raw", now=0)).user for i in range(6)
    ]
    expected = sorted(
        (user for user in people if folded(user.username).startswith(prefix)),
        key=lambda user: (folded(user.username), user.id),
    )
    found: list[User] = []
    after = None
    while page := await house.store.search_users(prefix, after, 2):
        found += page
        after = (folded(page[-1].username), page[-1].id)
    assert found == expected


@pytest.mark.gen_test
async def test_a_page_cannot_start_before_its_prefix(open_house: Open) -> None:
    house = await open_house()
    await house.people("a", "b", "c")
    found = await house.store.search_users("b", ("a", "0" * 16), 10)
    assert [user.username for user in found] == ["b"]
    assert await house.store.search_users("b", ("c", "no id"), 10) == []


async def look(house: House, user: User, **bounds: int) -> Snapshot:
    limits = {
        "everyone_up_to": 200,
        "partners": 200,
        "conversations": 50,
        "messages": 20,
        "characters": 10_000,
    }
    limits |= bounds
    return await house.store.snapshot(user.id, **limits)


@pytest.mark.gen_test
async def test_a_snapshot_has_the_latest_conversations_first_and_everyone_else(open_house: Open) -> None:
    house = await open_house()
    ann, bob, eve, zoe = await house.people("ann", "bob", "eve", "zoe")
    to_bob = await house.said(ann, bob, "1")
    own = await house.said(ann, ann, "2")
    from_eve = [await house.said(eve, ann, "3"), await house.said(ann, eve, "4")]
    await house.said(bob, eve, "not ann's")
    view = await look(house, ann)
    assert view.position == 5
    assert [(c.other, c.seq, c.messages) for c in view.conversations] == [
        (eve, 2, from_eve), (ann, 1, [own]), (bob, 1, [to_bob])
    ]  # fmt: skip
    assert view.users == [zoe]
    assert (await look(house, zoe)).users == [ann, bob, eve]


@pytest.mark.gen_test
async def test_a_snapshot_is_bounded_in_conversations_and_messages(open_house: Open) -> None:
    house = await open_house()
    ann, *others = await house.people("ann", "bob", "eve", "zoe")
    for text in ("1", "2", "3"):
        for other in others:
            await house.said(ann, other, text)
    view = await look(house, ann, conversations=2, messages=2)
    assert [conversation.other for conversation in view.conversations] == others[::-1]
    contents = [[message.content for message in c.messages] for c in view.conversations]
    assert contents == [["2", "3"], ["2", "3"], []]
    assert [conversation.seq for conversation in view.conversations] == [3, 3, 3]


@pytest.mark.gen_test
async def test_above_the_limit_a_snapshot_has_the_latest_partners_only(open_house: Open) -> None:
    house = await open_house()
    ann, bob, eve, _ = await house.people("ann", "bob", "eve", "zoe")
    await house.said(ann, bob, "1")
    await house.said(eve, ann, "2")
    at_the_limit = await look(house, ann, everyone_up_to=4, partners=1)
    assert [len(at_the_limit.conversations), len(at_the_limit.users)] == [2, 1]
    above = await look(house, ann, everyone_up_to=3, partners=1)
    assert [conversation.other for conversation in above.conversations] == [eve]
    assert above.users == []
    assert above.position == 2


@pytest.mark.gen_test
async def test_a_snapshot_of_an_empty_log_is_at_the_start(open_house: Open) -> None:
    house = await open_house()
    (ann,) = await house.people("ann")
    assert await look(house, ann) == Snapshot(0, [], [])


@pytest.mark.gen_test
async def test_only_the_newest_messages_within_the_characters_are_read(open_house: Open) -> None:
    house = await open_house()
    ann, bob, eve = await house.people("ann", "bob", "eve")
    for other in (bob, eve):
        for number in range(4):
            await house.said(other, ann, str(number) * 10)
    view = await look(house, ann, characters=60)
    shown = [(c.other.username, [m.content[0] for m in c.messages]) for c in view.conversations]
    assert shown == [("eve", ["0", "1", "2", "3"]), ("bob", ["2", "3"])]
