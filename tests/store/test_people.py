import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.store.house import House
from tornadochat.models import Session

Open = Callable[..., Awaitable[House]]

NOBODY = "0" * 16


@pytest.mark.sqlite
@pytest.mark.gen_test
async def test_a_secret_finds_its_session(open_house: Open) -> None:
    house = await open_house()
    made = await house.store.create_user("Ann", secret="s3cret", door="socketio", now=1_000)
    assert made == Session(made.handle, made.user, "socketio", 1_000, 1_000)
    assert made.user.username == "Ann"
    assert await house.store.find_session("s3cret") == made
    assert await house.store.find_session("S3cret") is None
    assert await house.store.find_session("\ud800") is None
    await house.store.close()
    house = await open_house()
    assert await house.store.find_session("s3cret") == made


@pytest.mark.gen_test
async def test_the_secret_itself_is_not_in_the_database(open_house: Open, path: Path) -> None:
    house = await open_house()
    await house.people("canary-secret")
    await house.store.close()
    with closing(sqlite3.connect(path)) as connection:
        ((secret,),) = connection.execute("SELECT secret FROM session").fetchall()
    assert len(secret) == 32
    assert b"canary" not in secret


@pytest.mark.gen_test
async def test_a_session_in_use_slides_forward(open_house: Open) -> None:
    house = await open_house()
    await house.people("ann", "bob")
    ann = await house.store.find_session("ann")
    assert ann is not None
    await house.store.touch_sessions({ann.handle: 9_000, NOBODY: 9_000, "no handle": 9_000})
    touched, other = await house.store.find_session("ann"), await house.store.find_session("bob")
    assert touched is not None
    assert other is not None
    assert (touched.seen, touched.created, other.seen) == (9_000, 1_000, 1_000)


def add_session(path: Path, user_id: str, key: int, created: int) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "INSERT INTO session VALUES (?, ?, ?, 'raw', ?, ?)",
            (key, str(key).encode(), int(user_id, 16), created, created),
        )


@pytest.mark.gen_test
async def test_sessions_are_listed_oldest_first(open_house: Open, path: Path) -> None:
    house = await open_house()
    ann, _ = await house.people("ann", "bob")
    add_session(path, ann.id, 1, 3_000)
    add_session(path, ann.id, 2, 500)
    sessions = await house.store.list_sessions(ann.id)
    assert [session.created for session in sessions] == [500, 1_000, 3_000]
    assert {session.user for session in sessions} == {ann}
    assert await house.store.list_sessions(NOBODY) == []
    assert await house.store.list_sessions("nobody") == []


@pytest.mark.gen_test
async def test_only_ones_own_sessions_can_be_ended(open_house: Open, path: Path) -> None:
    house = await open_house()
    ann, bob = await house.people("ann", "bob")
    add_session(path, ann.id, 1, 2_000)
    mine, second = [session.handle for session in await house.store.list_sessions(ann.id)]
    (theirs,) = [session.handle for session in await house.store.list_sessions(bob.id)]
    assert await house.store.delete_sessions(ann.id, [mine, theirs, NOBODY, "x"]) == [mine]
    assert await house.store.find_session("ann") is None
    assert await house.store.find_session("bob") is not None
    assert await house.store.delete_sessions(ann.id, []) == []
    assert await house.store.delete_sessions(ann.id, None) == [second]
    assert await house.store.delete_sessions("nobody", None) == []
    assert await house.store.find_session("bob") is not None


@pytest.mark.gen_test
async def test_the_sweep_ends_expired_sessions_but_those_in_use(open_house: Open) -> None:
    house = await open_house()
    await house.people("expired", "kept", "fresh")
    kept, fresh = await house.store.find_session("kept"), await house.store.find_session("fresh")
    assert kept is not None
    assert fresh is not None
    await house.store.touch_sessions({fresh.handle: 2_000})
    gone = await house.store.sweep(expired_before=2_000, keep={kept.handle})
    assert len(gone) == 1
    assert await house.store.find_session("expired") is None
    assert await house.store.find_session("kept") == kept
    assert await house.store.find_session("fresh") is not None
    assert house.store.user_count == 2


@pytest.mark.gen_test
async def test_the_sweep_forgets_only_users_who_left_nothing_behind(open_house: Open) -> None:
    house = await open_house()
    idle, sender, recipient, alone = people = await house.people("idle", "sender", "recipient", "alone")
    await house.said(sender, recipient, "hi")
    await house.said(alone, alone, "note")
    assert await house.store.sweep(expired_before=5_000, keep=[]) == [idle.id]
    found = await house.store.find_users([person.id for person in people])
    assert set(found) == {sender.id, recipient.id, alone.id}
    assert house.store.user_count == 3
    assert await house.store.sweep(expired_before=5_000, keep=[]) == []


@pytest.mark.sqlite
@pytest.mark.gen_test
async def test_users_are_counted_across_restarts(open_house: Open) -> None:
    house = await open_house()
    await house.people("ann", "bob")
    assert house.store.user_count == 2
    await house.store.close()
    assert (await open_house()).store.user_count == 2


@pytest.mark.gen_test
async def test_a_clock_that_goes_back_makes_no_session_older(open_house: Open) -> None:
    house = await open_house()
    session = await house.store.create_user("ann", secret="ann", door="raw", now=5_000)
    await house.store.touch_sessions({session.handle: 1_000})
    (stored,) = await house.store.list_sessions(session.user.id)
    assert stored.seen == 5_000
