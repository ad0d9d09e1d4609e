"""The way in of one connection: in order, bounded, and readable again in the end."""

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes import Answers, FakeTransport, play, turns
from tornadochat.config_rates import RateLimits
from tornadochat.delivery.connection import Connection
from tornadochat.models import Session, User
from tornadochat.rates import Rates
from tornadochat.service.replies import Reply
from tornadochat.transports.inbox import Call, Inbox, Intake


class Desk:
    """An inbox, and a dispatch that answers when it is told to."""

    def __init__(self, *, limit: int = 4, stalled: float = 10.0, opened: bool = True) -> None:
        self.dispatched: list[str] = []
        self.unanswered: list[Reply] = []
        self.answers = Answers()
        self.at_once = False
        self.stalls = 0
        self.transport = FakeTransport()
        self.taken = 0
        self.intake = Intake(
            self.dispatch, Rates(RateLimits()), limit=limit, outbox_bytes=100, stalled=stalled
        )
        self.inbox = Inbox(self.intake, self.transport, self.stall)
        if opened:
            self.open()

    def open(self) -> None:
        session = Session("0", User("1" * 16, "ann"), "raw", 0, 0)
        self.inbox.open(Connection(session, self.transport, outbox_bytes=100, behind=print))

    def stall(self) -> None:
        self.stalls += 1

    def dispatch(self, call: Call) -> None:
        assert call.inbox is self.inbox
        self.dispatched.append(str(call.name))
        if self.at_once:
            call.answer(call.name)
        else:
            self.unanswered.append(call.answer)

    def take(self, count: int = 1) -> None:
        for _ in range(count):
            self.taken += 1
            self.inbox.take(str(self.taken), None, self.answers)

    def answer(self, place: int = 0) -> None:
        self.unanswered.pop(place)("done")

    @property
    def expected(self) -> list[str]:
        return [str(number) for number in range(1, self.taken + 1)]


@pytest.mark.gen_test
async def test_a_command_is_dispatched_at_once_and_its_answer_passed_on() -> None:
    desk = Desk()
    desk.take()
    assert desk.dispatched == ["1"]
    desk.answer()
    assert desk.answers.one == "done"


@pytest.mark.gen_test
async def test_before_the_connection_is_welcomed_everything_waits() -> None:
    desk = Desk(opened=False)
    desk.take(3)
    assert desk.dispatched == []
    assert desk.inbox.readable() is not None
    desk.open()
    assert desk.dispatched == ["1", "2", "3"]
    assert desk.inbox.readable() is None
    desk.inbox.close()


@pytest.mark.gen_test
async def test_no_more_than_the_limit_are_unanswered_and_the_rest_waits_in_order() -> None:
    desk = Desk(limit=2)
    desk.take(5)
    assert desk.dispatched == ["1", "2"]
    desk.answer(1)
    assert desk.dispatched == ["1", "2", "3"]
    desk.at_once = True
    desk.answer(0)
    assert desk.dispatched == ["1", "2", "3", "4", "5"]


@pytest.mark.gen_test
async def test_reading_pauses_at_the_limit_and_goes_on_when_half_are_answered() -> None:
    desk = Desk(limit=4)
    desk.take(3)
    assert desk.inbox.readable() is None
    desk.take()
    readable = desk.inbox.readable()
    assert readable is not None
    assert desk.inbox.readable() is readable
    desk.answer()
    assert not readable.done()
    desk.answer()
    assert readable.done()
    assert desk.inbox.readable() is None


@pytest.mark.gen_test
async def test_a_limit_of_one_works() -> None:
    desk = Desk(limit=1)
    desk.take(2)
    readable = desk.inbox.readable()
    assert readable is not None
    desk.answer()
    assert not readable.done()
    desk.answer()
    assert readable.done()


@pytest.mark.gen_test
async def test_a_long_backlog_of_commands_answered_at_once_does_not_pile_up_the_stack() -> None:
    desk = Desk(limit=2)
    desk.take(10_000)
    desk.at_once = True
    desk.answer()
    assert desk.dispatched == desk.expected


@pytest.mark.gen_test
async def test_while_answers_are_left_unread_nothing_is_begun_and_nothing_read() -> None:
    desk = Desk()
    desk.transport.buffered = 101
    desk.take(2)
    readable = desk.inbox.readable()
    assert desk.dispatched == []
    assert readable is not None
    await turns()
    assert not readable.done()
    desk.transport.drain()
    await turns()
    assert desk.dispatched == ["1", "2"]
    assert readable.done()


@pytest.mark.gen_test
async def test_unread_answers_alone_pause_reading() -> None:
    desk = Desk()
    desk.transport.buffered = 101
    readable = desk.inbox.readable()
    assert readable is not None
    desk.transport.drain()
    await turns()
    assert readable.done()


@pytest.mark.gen_test
async def test_reading_that_was_paused_for_too_long_is_told() -> None:
    desk = Desk(limit=1, stalled=0.005)
    desk.take()
    assert desk.inbox.readable() is not None
    await asyncio.sleep(0.02)
    assert desk.stalls == 1
    desk.inbox.close()


@pytest.mark.gen_test
async def test_reading_that_goes_on_in_time_is_not_told() -> None:
    desk = Desk(limit=1, stalled=0.01)
    desk.take()
    assert desk.inbox.readable() is not None
    desk.answer()
    await asyncio.sleep(0.03)
    assert desk.stalls == 0


@pytest.mark.gen_test
async def test_closing_drops_what_waits_and_releases_who_waits() -> None:
    desk = Desk(limit=1, stalled=0.01)
    desk.take(3)
    readable = desk.inbox.readable()
    assert readable is not None
    desk.inbox.close()
    assert readable.done()
    assert desk.inbox.readable() is None
    desk.answer()
    desk.take()
    assert desk.dispatched == ["1"]
    await asyncio.sleep(0.03)
    assert desk.stalls == 0


@pytest.mark.gen_test
async def test_a_command_that_ends_the_link_is_the_last() -> None:
    desk = Desk(limit=1)
    desk.take(3)
    desk.inbox.close()
    desk.answer()
    assert desk.dispatched == ["1"]
    late = Desk(opened=False)
    late.take()
    late.inbox.close()
    late.open()
    assert late.dispatched == []


@pytest.mark.gen_test
async def test_a_reader_that_was_cancelled_is_not_woken() -> None:
    desk = Desk(limit=1)
    desk.take()
    readable = desk.inbox.readable()
    assert readable is not None
    readable.cancel()
    desk.answer()


# The invariant

some = st.integers(0, 9)
steps = st.one_of(
    st.tuples(st.just("take"), st.integers(1, 6)),
    st.tuples(st.just("answer"), some),
    st.tuples(st.just("answer"), some),
    st.tuples(st.just("at once"), some),
    st.tuples(st.just("read"), some),
    st.tuples(st.just("open"), some),
    st.tuples(st.just("crowd"), st.sampled_from([0, 101])),
    st.tuples(st.just("turns"), some),
    st.tuples(st.just("close"), some),
)


class Story:
    """Commands that come and are answered in any order, on a link that may close."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.desk = Desk(limit=limit, stalled=1000.0, opened=False)
        self.most = 0
        self.opened = self.closed = False
        self.reads: list[asyncio.Future[None]] = []
        self.at_close: list[str] = []

    async def step(self, kind: str, value: int) -> None:
        desk = self.desk
        match kind:
            case "take":
                desk.take(value)
            case "answer" if desk.unanswered:
                desk.answer(value % len(desk.unanswered))
            case "at once":
                desk.at_once = value % 2 == 0
            case "open" if not self.opened and not self.closed:
                self.opened = True
                desk.open()
            case "crowd":
                desk.transport.buffered = value
                if not value:
                    desk.transport.drain()
            case "turns":
                await turns(value)
            case "close" if value == 0 and not self.closed:
                self.close()
        self.check()
        readable = desk.inbox.readable() if kind == "read" else None
        if readable is not None:
            self.reads.append(readable)

    def close(self) -> None:
        self.closed = True
        self.at_close = list(self.desk.dispatched)
        self.desk.inbox.close()

    def check(self) -> None:
        desk = self.desk
        assert len(desk.unanswered) <= self.limit
        assert desk.dispatched == desk.expected[: len(desk.dispatched)]
        assert len(desk.answers) == len(desk.dispatched) - len(desk.unanswered)
        if self.closed:
            assert desk.dispatched == self.at_close
            assert all(readable.done() for readable in self.reads)
        if not self.opened:
            assert desk.dispatched == []

    async def end(self) -> None:
        desk = self.desk
        await self.step("open", 0)
        await self.step("crowd", 0)
        await turns()
        while desk.unanswered:
            await self.step("answer", len(desk.unanswered) // 2)
        if not self.closed:
            assert desk.dispatched == desk.expected
        assert all(readable.done() for readable in self.reads)
        assert desk.inbox.readable() is None
        assert desk.stalls == 0


@settings(max_examples=200)
@given(st.lists(steps, max_size=50), st.integers(1, 4))
def test_whatever_happens_commands_stay_in_order_bounded_and_each_is_dispatched_once(
    story: list[Any], limit: int
) -> None:
    async def scene() -> None:
        tale = Story(limit)
        for step in story:
            await tale.step(*step)
        await tale.end()

    play(scene())
