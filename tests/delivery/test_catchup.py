"""Catching up: from the log to live, without a gap, a double or a detour."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.delivery.test_connection import ANN, BOB, EVE, said
from tests.fakes import FakeTransport, play, turns, until
from tornadochat import events
from tornadochat.delivery.catchup import PAGE, CatchUp
from tornadochat.delivery.connection import Connection
from tornadochat.delivery.hub import Hub
from tornadochat.errors import Close
from tornadochat.events import LogEvent
from tornadochat.models import Session, User


class Desk:
    """A log, a hub, and the connections served from both."""

    def __init__(self, *, stalled: float = 1.0, outbox_bytes: int = 100) -> None:
        self.log: list[LogEvent] = []
        self.unpublished: list[LogEvent] = []
        self.hub = Hub()
        self.absent: set[str] = set()
        self.failures: list[Exception] = []
        self.reading: Callable[[], Awaitable[None]] = turns
        self.reads = 0
        self._outbox_bytes = outbox_bytes
        self.catch_up = CatchUp(
            self.read,
            online=self.online,
            on_failure=lambda _, failure: self.failures.append(failure),
            stalled=stalled,
        )

    def online(self, user_id: str) -> bool:
        return user_id not in self.absent

    async def read(self, user_id: str, number: int, limit: int, _snapshot: int) -> list[LogEvent]:
        self.reads += 1
        page = [e for e in self.log if e.number > number and user_id in {e.sender.id, e.recipient.id}][:limit]
        await self.reading()
        return page

    def commit(self, sender: User = BOB, recipient: User = ANN, connection: int = 0) -> LogEvent:
        event = said(len(self.log) + 1, sender, recipient, connection)
        self.log.append(event)
        self.unpublished.append(event)
        return event

    def publish(self) -> None:
        if self.unpublished:
            self.hub.publish(self.unpublished.pop(0), online=self.online)

    def recover(self) -> None:
        """What happens to an event whose commit's outcome was unknown for a while."""
        if self.unpublished:
            event = self.unpublished.pop(0)
            for user in (event.sender, event.recipient):
                self.hub.reread(user.id, event.number)

    def say(self, count: int = 1) -> None:
        for _ in range(count):
            self.commit()
            self.publish()

    def enter(self, user: User = ANN, position: int = 0) -> Connection:
        connection = Connection(
            Session("5" * 16, user, "raw", 0, 0),
            FakeTransport(),
            outbox_bytes=self._outbox_bytes,
            behind=self.catch_up.start,
        )
        connection.position = position
        connection.told.update((other.id, True) for other in (ANN, BOB, EVE))
        self.hub.add(connection)
        return connection


def transport_of(connection: Connection) -> FakeTransport:
    assert isinstance(connection.transport, FakeTransport)
    return connection.transport


def numbers(connection: Connection) -> list[int]:
    return [int(data["id"]) for data in transport_of(connection).named("private message")]


@contextmanager
def holding(desk: Desk) -> Iterator[asyncio.Event]:
    """Reads that have seen the log, and whose answer waits until the event is set."""
    gate = asyncio.Event()
    before = desk.reading

    async def wait() -> None:
        await gate.wait()

    desk.reading = wait
    yield gate
    desk.reading = before


@pytest.mark.gen_test
async def test_a_connection_gets_the_log_above_its_position_and_is_live() -> None:
    desk = Desk()
    desk.say(5)
    connection = desk.enter(position=2)
    desk.catch_up.start(connection)
    await until(lambda: connection.live)
    assert numbers(connection) == [3, 4, 5]
    desk.say()
    assert numbers(connection) == [3, 4, 5, 6]


@pytest.mark.gen_test
async def test_with_nothing_to_catch_up_it_takes_one_read() -> None:
    desk = Desk()
    connection = desk.enter()
    desk.catch_up.start(connection)
    await until(lambda: connection.live)
    assert desk.reads == 1


@pytest.mark.gen_test
async def test_what_comes_next_runs_in_the_very_turn_in_which_the_connection_is_live() -> None:
    desk = Desk()
    connection = desk.enter()
    seen: list[bool] = []
    desk.catch_up.start(connection, lambda c: seen.append(c.live))
    await until(lambda: connection.live)
    assert seen == [True]


@pytest.mark.gen_test
async def test_the_log_is_read_in_pages() -> None:
    desk = Desk(outbox_bytes=10**9)
    desk.say(PAGE + 1)
    connection = desk.enter()
    desk.catch_up.start(connection)
    await until(lambda: connection.live)
    assert numbers(connection) == list(range(1, PAGE + 2))
    assert desk.reads == 2


@pytest.mark.gen_test
async def test_a_full_page_is_never_taken_for_the_last() -> None:
    desk = Desk(outbox_bytes=10**9)
    desk.say(PAGE)
    connection = desk.enter()
    desk.catch_up.start(connection)
    await until(lambda: connection.live)
    assert desk.reads == 2


@pytest.mark.gen_test
async def test_what_is_published_while_a_page_is_read_is_not_lost() -> None:
    desk = Desk()
    connection = desk.enter()
    with holding(desk) as gate:
        desk.catch_up.start(connection)
        await turns()
        desk.say(3)
        assert numbers(connection) == []
        gate.set()
        await until(lambda: connection.live)
    assert numbers(connection) == [1, 2, 3]


@pytest.mark.gen_test
async def test_what_was_read_before_it_was_published_does_not_come_twice() -> None:
    desk = Desk()
    desk.commit()
    connection = desk.enter()
    desk.catch_up.start(connection)
    await until(lambda: connection.live)
    desk.publish()
    assert numbers(connection) == [1]


@pytest.mark.gen_test
async def test_events_of_others_do_not_keep_a_connection_from_going_live() -> None:
    desk = Desk()
    connection = desk.enter()

    async def reading() -> None:
        desk.commit(BOB, EVE)
        desk.publish()
        await turns()

    desk.reading = reading
    desk.catch_up.start(connection)
    await until(lambda: connection.live)
    assert desk.reads == 1


@pytest.mark.gen_test
async def test_a_living_connection_skips_its_own_messages_in_the_log_too() -> None:
    desk = Desk()
    connection = desk.enter()
    desk.commit(ANN, BOB, connection.id)
    desk.commit(ANN, BOB, connection.id + 1)
    desk.catch_up.start(connection)
    await until(lambda: connection.live)
    assert numbers(connection) == [2]
    assert connection.position == 2


@pytest.mark.gen_test
async def test_a_page_waits_until_the_one_before_has_left() -> None:
    desk = Desk(outbox_bytes=10**9)
    desk.say(PAGE + 1)
    connection = desk.enter()
    transport_of(connection).weight = 1
    desk.catch_up.start(connection)
    await turns(50)
    assert len(numbers(connection)) == PAGE
    transport_of(connection).drain()
    await until(lambda: connection.live)
    assert len(numbers(connection)) == PAGE + 1


@pytest.mark.gen_test
async def test_a_page_that_is_too_large_for_the_outbox_leaves_in_parts() -> None:
    desk = Desk(outbox_bytes=100)
    desk.say(10)
    connection = desk.enter()
    transport = transport_of(connection)
    transport.weight = 40
    desk.catch_up.start(connection)
    most = 0
    for _ in range(10):
        await turns(30)
        most = max(most, transport.buffered)
        transport.drain()
    assert numbers(connection) == list(range(1, 11))
    assert most <= 100 + 40


@pytest.mark.gen_test
async def test_a_reader_that_falls_behind_is_caught_up_from_where_it_was() -> None:
    desk = Desk()
    connection = desk.enter()
    desk.catch_up.start(connection)
    await until(lambda: connection.live)
    transport = transport_of(connection)
    transport.weight = 60
    desk.say(5)
    await turns(50)
    assert numbers(connection) == [1, 2]
    transport.weight = 0
    transport.drain()
    await until(lambda: connection.live)
    assert numbers(connection) == [1, 2, 3, 4, 5]


@pytest.mark.gen_test
async def test_a_reader_without_any_progress_is_closed_as_slow() -> None:
    desk = Desk(stalled=0.01)
    connection = desk.enter()
    transport_of(connection).buffered = 10
    desk.catch_up.start(connection)
    await asyncio.sleep(0.03)
    assert transport_of(connection).closes == [Close.slow]
    assert not connection.live


def test_a_reader_that_is_slow_but_reads_is_waited_for() -> None:
    async def scene() -> None:
        desk = Desk(stalled=30)
        connection = desk.enter()
        transport = transport_of(connection)
        transport.buffered = 1000
        desk.catch_up.start(connection)
        for _ in range(10):
            await asyncio.sleep(25)
            transport.sent += 1
        assert transport.closes == []
        transport.drain()
        await until(lambda: connection.live)

    play(scene())


@pytest.mark.gen_test
async def test_a_connection_that_goes_while_a_page_is_read_is_sent_nothing() -> None:
    desk = Desk()
    desk.say()
    connection = desk.enter()
    ready: list[Connection] = []
    with holding(desk) as gate:
        desk.catch_up.start(connection, ready.append)
        await turns()
        desk.hub.remove(connection)
        gate.set()
        await turns()
    assert transport_of(connection).events == []
    assert not connection.live
    assert ready == []


@pytest.mark.gen_test
async def test_a_log_that_cannot_be_read_closes_the_link_to_come_back() -> None:
    desk = Desk()
    failure = OSError("gone")

    async def fail() -> None:
        raise failure

    desk.reading = fail
    connection = desk.enter()
    desk.catch_up.start(connection)
    await turns()
    assert desk.failures == [failure]
    assert transport_of(connection).closes == [Close.try_later]


@pytest.mark.gen_test
async def test_presence_that_was_held_back_is_told_as_it_is_now() -> None:
    desk = Desk()
    connection = desk.enter()
    for user in (BOB, EVE):
        connection.notice(user, True, events.presence_change(user, True))
    desk.absent = {BOB.id}
    desk.catch_up.start(connection)
    await until(lambda: connection.live)
    assert transport_of(connection).events == [("user disconnected", BOB.id)]
    assert connection.held == {}


@pytest.mark.gen_test
async def test_stopping_ends_what_is_under_way() -> None:
    desk = Desk()
    connection = desk.enter()
    with holding(desk):
        desk.catch_up.start(connection)
        await turns()
        await desk.catch_up.stop()
    assert not connection.live
    assert desk.failures == []


# The invariant

USERS = (ANN, BOB, EVE)
some_user = st.sampled_from(USERS)
some_index = st.integers(0, 7)
steps = st.one_of(
    st.tuples(st.just("send"), some_user, some_user, some_index),
    st.tuples(st.just("publish")),
    st.tuples(st.just("publish")),
    st.tuples(st.just("recover")),
    st.tuples(st.just("turns"), st.integers(1, 6)),
    st.tuples(st.just("delay"), st.integers(0, 5)),
    st.tuples(st.just("weigh"), some_index, st.sampled_from([0, 30, 120])),
    st.tuples(st.just("drain"), some_index),
    st.tuples(st.just("arrive"), some_user, st.booleans()),
    st.tuples(st.just("leave"), some_index),
)


class Story:
    """Connections that come, read slowly and go, and what each of them should have been sent."""

    def __init__(self) -> None:
        self.desk = Desk(outbox_bytes=100)
        self.connections: list[Connection] = []
        self.started: dict[int, int] = {}

    async def step(self, kind: str, *arguments: int | bool | User) -> None:
        match kind, arguments:
            case "send", (User() as sender, User() as recipient, int(index)):
                own = [c for c in self.connections if c.user is sender]
                self.desk.commit(sender, recipient, own[index % len(own)].id if own else 0)
            case "publish", _:
                self.desk.publish()
            case "recover", _:
                self.desk.recover()
            case "turns", (int(count),):
                await turns(count)
            case "delay", (int(count),):
                self.desk.reading = lambda: turns(count)
            case "arrive", (User() as user, bool(latest)):
                self.arrive(user, len(self.desk.log) if latest else 0)
            case _, (int(index), *rest) if self.connections:
                self.touch(kind, self.connections[index % len(self.connections)], *rest)

    def arrive(self, user: User, position: int) -> None:
        connection = self.desk.enter(user, position)
        self.connections.append(connection)
        self.started[connection.id] = position
        self.desk.catch_up.start(connection)

    def touch(self, kind: str, connection: Connection, *rest: int | bool | User) -> None:
        if kind == "weigh":
            assert isinstance(rest[0], int)
            transport_of(connection).weight = rest[0]
        elif kind == "drain":
            transport_of(connection).drain()
        elif connection.open:
            self.desk.hub.remove(connection)

    async def end(self) -> None:
        while self.desk.unpublished:
            self.desk.publish()
        for connection in self.connections:
            transport_of(connection).weight = 0
        for connection in self.connections:
            transport_of(connection).drain()
            await until(partial(lambda c: c.live or not c.open, connection))
        await self.desk.catch_up.stop()

    def owed(self, connection: Connection) -> list[int]:
        return [
            event.number
            for event in self.desk.log
            if event.number > self.started[connection.id]
            and connection.user in (event.sender, event.recipient)
            and event.connection != connection.id
        ]


@settings(max_examples=200)
@given(st.lists(steps, max_size=60))
def test_whatever_happens_nothing_is_lost_doubled_or_reordered(story: list[tuple[str, int]]) -> None:
    async def scene() -> None:
        tale = Story()
        for user in (ANN, ANN, BOB):
            tale.arrive(user, 0)
        for step in story:
            await tale.step(*step)
        await tale.end()
        assert tale.desk.failures == []
        for connection in tale.connections:
            owed, got = tale.owed(connection), numbers(connection)
            assert got == (owed if connection.open else owed[: len(got)])
            assert transport_of(connection).closes == []

    play(scene())
