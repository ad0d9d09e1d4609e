"""Coming back: where a cursor leads, and what happens to one that leads nowhere."""

import asyncio
import gc

import pytest

from tests.doors.conftest import Build
from tests.support.clients import DOORS
from tests.support.house import House
from tornadochat.delivery.connection import Connection
from tornadochat.events import LogEvent

every_door = pytest.mark.parametrize("door", DOORS)


def is_live(connection: Connection) -> bool:
    """Asked anew each time: it changes while the test waits."""
    return connection.live


@every_door
@pytest.mark.parametrize(
    ("since", "reason"),
    [
        ("rubbish", "malformed"),
        ("", "malformed"),
        ("0123456789ab.-1", "malformed"),
        ("0123456789ab.٣", "malformed"),
        ("0123456789ab.5", "epoch"),
    ],
)
@pytest.mark.gen_test
async def test_a_foreign_cursor_gives_reset_and_the_full_snapshot(
    house: House, door: str, since: str, reason: str
) -> None:
    alice, bob = await house.enter("alice"), await house.enter("bob", door)
    await alice.command("private message", {"to": bob.session["userID"], "content": "hi"})
    again = await house.again(bob, door, since=since)
    assert [name for name, _ in again.events.all] == ["session", "reset", "users", "ready"]
    assert again.events.named("reset") == [{"reason": reason}]
    talked = [user["messages"] for user in again.users if user["userID"] == alice.session["userID"]]
    assert [message["content"] for message in talked[0]] == ["hi"]


@every_door
@pytest.mark.gen_test
async def test_a_cursor_of_the_future_gives_reset(house: House, door: str) -> None:
    alice = await house.enter("alice", door)
    epoch = alice.cursor.partition(".")[0]
    again = await house.again(alice, door, since=f"{epoch}.999999")
    assert again.events.named("reset") == [{"reason": "future"}]


@pytest.mark.gen_test
async def test_a_cursor_older_than_the_log_gives_reset(house: House) -> None:
    alice = await house.enter("alice")
    cursor = alice.cursor
    await alice.command("private message", {"to": alice.session["userID"], "content": "one"})
    house.app.store.log_start = 1
    again = await house.again(alice, since=cursor)
    assert again.events.named("reset") == [{"reason": "expired"}]


@every_door
@pytest.mark.gen_test
async def test_no_cursor_no_reset(house: House, door: str) -> None:
    alice = await house.enter("alice", door)
    again = await house.again(alice, door)
    assert [name for name, _ in again.events.all] == ["session", "users", "ready"]


@every_door
@pytest.mark.gen_test(timeout=20)
async def test_a_long_absence_is_replayed_whole_and_in_order(house: House, door: str) -> None:
    alice, bob = await house.enter("alice"), await house.enter("bob", door)
    await bob.close()
    to = {"to": bob.session["userID"]}
    sends = [alice.command("private message", to | {"content": str(n)}) for n in range(650)]
    await asyncio.gather(*sends)
    resumed = await house.again(bob, door, since=bob.cursor)
    missed = resumed.events.named("private message")
    assert [message["content"] for message in missed] == [str(n) for n in range(650)]
    assert [message["seq"] for message in missed] == list(range(1, 651))
    assert resumed.cursor == missed[-1]["cursor"]
    middle = await house.again(bob, door, since=missed[299]["cursor"])
    assert [message["seq"] for message in middle.events.named("private message")] == list(range(301, 651))


@every_door
@pytest.mark.gen_test
async def test_the_replay_holds_ones_own_messages_too(house: House, door: str) -> None:
    alice, bob = await house.enter("alice", door), await house.enter("bob")
    await alice.command("private message", {"to": bob.session["userID"], "content": "mine"})
    again = await house.again(alice, door, since=alice.cursor)
    assert [message["content"] for message in again.events.named("private message")] == ["mine"]


@every_door
@pytest.mark.gen_test(timeout=20)
async def test_a_return_in_the_midst_of_traffic_loses_and_doubles_nothing(house: House, door: str) -> None:
    alice, bob = await house.enter("alice"), await house.enter("bob", door)
    to = {"to": bob.session["userID"]}
    seen: list[int] = []
    cursor = bob.cursor
    await bob.close()

    async def talk() -> None:
        for number in range(600):
            await alice.command("private message", to | {"content": str(number)})

    talking = asyncio.ensure_future(talk())
    while len(seen) < 600:
        visit = await house.again(bob, door, since=cursor)
        for _ in range(100):
            if len(seen) + len(visit.events.named("private message")) >= 600 and talking.done():
                break
            await asyncio.sleep(0.001)
        await visit.close()
        messages = visit.events.named("private message")
        seen += [message["seq"] for message in messages]
        cursor = messages[-1]["cursor"] if messages else visit.cursor
    await talking
    assert seen == list(range(1, 601))


@pytest.mark.gen_test(timeout=20)
async def test_a_reader_that_stops_reading_is_caught_up_from_the_log(build: Build) -> None:
    house = await build(limits={"outbox_bytes": 65536})
    alice, bob = await house.enter("alice"), house.raw()
    await bob.open("?username=bob")
    bob_id = (await bob.events.take("session"))["userID"]
    await bob.events.take("ready")
    (connection,) = house.app.hub.of(bob_id)
    bob.stop_reading()
    total = 1_500
    for start in range(0, total, 50):
        data = {"to": bob_id, "content": "x" * 9_000}
        numbers = range(start, start + 50)
        await asyncio.gather(
            *(alice.command("private message", data | {"clientID": str(n)}) for n in numbers)
        )
    assert connection.live is False
    assert connection.transport.buffered < 65536 + 200 * 10_000
    bob.resume_reading()
    for seq in range(1, total + 1):
        assert (await bob.events.take("private message"))["seq"] == seq
    while not is_live(connection):
        await asyncio.sleep(0.01)
    assert len(bob.events.named("ready")) == 1


@pytest.mark.gen_test(timeout=20)
async def test_a_reader_that_makes_no_progress_is_closed_to_come_back(build: Build) -> None:
    house = await build(limits={"outbox_bytes": 65536, "stalled": 0.2}, interval=20)
    alice, bob = await house.enter("alice"), house.raw()
    await bob.open("?username=bob")
    bob_id = (await bob.events.take("session"))["userID"]
    await bob.events.take("ready")
    bob.stop_reading()
    data = {"to": bob_id, "content": "x" * 9_000}
    for _ in range(30):
        await asyncio.gather(*(alice.command("private message", data) for _ in range(50)))
    while house.app.hub.of(bob_id):
        await asyncio.sleep(0.02)
    assert await alice.events.take("user disconnected") == bob_id
    bob.resume_reading()


@pytest.mark.gen_test(timeout=30)
async def test_readers_that_stop_while_they_catch_up_hold_little_memory(build: Build) -> None:
    house = await build(limits={"outbox_bytes": 65536})
    alice = await house.enter("alice")
    me = alice.session["userID"]
    for _ in range(40):
        await alice.command("private message", {"to": me, "content": "\U0001f600" * 9_900})
    epoch = alice.cursor.partition(".")[0]
    reader = house.raw()
    headers = {"Authorization": f"Bearer {alice.session['sessionID']}"}
    await reader.open(f"?since={epoch}.0", headers=headers)
    reader.stop_reading()
    await asyncio.sleep(0.5)
    held = [event for event in gc.get_objects() if isinstance(event, LogEvent)]
    assert len(held) < 20
    reader.resume_reading()
    for seq in range(1, 41):
        assert (await reader.events.take("private message"))["seq"] == seq
