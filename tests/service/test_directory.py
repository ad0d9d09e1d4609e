"""Who exists: asked of the store once, remembered within bounds."""

import pytest

from tests.fakes import FakeStore
from tornadochat.models import User
from tornadochat.service.directory import Directory

ANN, BOB, EVE = (User(digit * 16, name) for digit, name in zip("123", ("ann", "bob", "eve"), strict=True))


def directory(*, remembered: int = 10) -> tuple[Directory, FakeStore]:
    store = FakeStore()
    store.users = {user.id: user for user in (ANN, BOB, EVE)}
    return Directory(store, remembered), store


@pytest.mark.gen_test
async def test_who_was_looked_up_is_at_hand() -> None:
    people, store = directory()
    assert people.known(ANN.id) is None
    assert await people.find([ANN.id]) == {ANN.id: ANN}
    assert people.known(ANN.id) == ANN
    assert await people.find([ANN.id]) == {ANN.id: ANN}
    assert store.reads == ["find_users"]


@pytest.mark.gen_test
async def test_only_those_not_at_hand_are_asked_for_and_who_does_not_exist_is_absent() -> None:
    people, store = directory()
    people.remember(User(ANN.id, "remembered"))
    found = await people.find([ANN.id, BOB.id, "nobody"])
    assert found == {ANN.id: User(ANN.id, "remembered"), BOB.id: BOB}
    assert store.reads == ["find_users"]
    assert people.known("nobody") is None


@pytest.mark.gen_test
async def test_nobody_is_asked_for_when_nobody_is_wanted() -> None:
    people, store = directory()
    assert await people.find([]) == {}
    assert store.reads == []


def test_the_one_kept_longest_goes_when_there_are_too_many() -> None:
    people, _ = directory(remembered=2)
    for user in (ANN, BOB, BOB, EVE):
        people.remember(user)
    assert [people.known(user.id) for user in (ANN, BOB, EVE)] == [None, BOB, EVE]


@pytest.mark.gen_test
async def test_a_lookup_of_more_than_are_remembered_finds_them_all() -> None:
    people, _ = directory(remembered=1)
    assert set(await people.find([ANN.id, BOB.id, EVE.id])) == {ANN.id, BOB.id, EVE.id}


def test_who_is_no_longer_stored_is_forgotten() -> None:
    people, _ = directory()
    people.remember(ANN)
    people.forget([ANN.id, "nobody"])
    assert people.known(ANN.id) is None
