"""One connection: what it sends, what it leaves to the log, what it was told of whom."""

from collections.abc import Callable

import pytest

from tests.fakes import FakeTransport
from tornadochat import events
from tornadochat.delivery.connection import Connection
from tornadochat.events import LogEvent
from tornadochat.models import Mark, Message, Session, User

ANN, BOB, EVE = (User(digit * 16, name) for digit, name in zip("123", ("ann", "bob", "eve"), strict=True))


def present(_user_id: str) -> bool:
    return True


def said(number: int, sender: User = BOB, recipient: User = ANN, connection: int = 0) -> LogEvent:
    message = Message(number, sender.id, recipient.id, number, f"no. {number}", 0, None, connection)
    return events.message(message, sender, recipient, "e")


class Link:
    """A connection of Ann's, and how often it asked to be caught up."""

    def __init__(self, *, live: bool = True, told: tuple[User, ...] = (BOB,)) -> None:
        self.transport = FakeTransport()
        self.behind: list[Connection] = []
        session = Session("5" * 16, ANN, "raw", 0, 0)
        self.connection = Connection(session, self.transport, outbox_bytes=100, behind=self.behind.append)
        self.connection.live = live
        self.connection.told.update((user.id, True) for user in told)

    def deliver(self, *numbers: int) -> None:
        for number in numbers:
            self.take(said(number))

    def take(self, event: LogEvent, online: Callable[[str], bool] = present) -> None:
        self.connection.deliver(event, event.other(ANN.id), online)

    @property
    def contents(self) -> list[str]:
        return [data["content"] for data in self.transport.named("private message")]


def test_a_live_connection_is_sent_what_is_published() -> None:
    link = Link()
    link.deliver(3, 7)
    assert link.contents == ["no. 3", "no. 7"]
    assert link.connection.position == 7


def test_what_is_not_above_the_position_is_not_sent_again() -> None:
    link = Link()
    link.connection.position = 5
    link.deliver(4, 5, 6)
    assert link.contents == ["no. 6"]


def test_a_connection_that_catches_up_only_notes_what_is_published() -> None:
    link = Link(live=False)
    link.deliver(3, 7)
    assert link.transport.events == []
    assert (link.connection.noted, link.connection.position) == (7, 0)


def test_the_sending_connection_gets_no_event_but_moves_on() -> None:
    link = Link()
    link.take(said(4, ANN, BOB, link.connection.id))
    assert link.transport.events == []
    assert link.connection.position == 4


def test_the_other_connections_of_the_sender_get_the_event() -> None:
    link = Link()
    link.take(said(4, ANN, BOB, link.connection.id + 1))
    assert link.contents == ["no. 4"]


def test_connections_have_ids_of_their_own() -> None:
    assert len({Link().connection.id for _ in range(100)}) == 100


@pytest.mark.parametrize("there", [True, False])
def test_a_stranger_is_introduced_before_their_first_message(there: bool) -> None:
    link = Link(told=())
    link.take(said(1, EVE), lambda _: there)
    link.take(said(2, EVE), lambda _: not there)
    assert link.transport.names == ["user connected", "private message", "private message"]
    assert link.transport.events[0][1] == {
        "userID": EVE.id,
        "username": "eve",
        "connected": there,
        "messages": [],
    }


def test_who_writes_to_a_stranger_is_introduced_to_them() -> None:
    link = Link(told=())
    link.take(said(1, ANN, EVE, link.connection.id))
    assert link.transport.names == ["user connected"]


def test_nobody_is_introduced_to_oneself() -> None:
    link = Link(told=())
    link.take(said(1, ANN, ANN))
    assert link.transport.names == ["private message"]


def test_a_reader_that_falls_behind_returns_to_the_log() -> None:
    link = Link()
    link.transport.weight = 60
    link.deliver(1, 2, 3)
    assert link.contents == ["no. 1", "no. 2"]
    assert link.behind == [link.connection]
    assert not link.connection.live
    assert (link.connection.position, link.connection.noted) == (2, 3)


def test_what_just_fits_the_outbox_leaves_the_reader_live() -> None:
    link = Link()
    link.transport.weight = 50
    link.deliver(1, 2)
    assert link.connection.live
    assert link.behind == []


def told(link: Link, user: User, connected: bool) -> None:
    link.connection.notice(user, connected, events.presence_change(user, connected))


def test_presence_too_makes_a_reader_fall_behind() -> None:
    link = Link()
    link.transport.weight = 60
    for connected in (False, True, False, True):
        told(link, BOB, connected)
    assert link.transport.names == ["user disconnected", "user connected"]
    assert link.behind == [link.connection]
    assert set(link.connection.held) == {BOB.id}


def test_presence_is_held_as_names_until_the_connection_is_live() -> None:
    link = Link(live=False)
    for connected in (True, False, True):
        told(link, EVE, connected)
        told(link, BOB, not connected)
    assert link.transport.events == []
    assert link.connection.held == {EVE.id: EVE, BOB.id: BOB}


def test_a_departure_is_a_bare_id_and_an_arrival_a_person() -> None:
    link = Link()
    told(link, BOB, False)
    told(link, BOB, True)
    assert link.transport.events == [
        ("user disconnected", BOB.id),
        ("user connected", {"userID": BOB.id, "username": "bob", "connected": True, "messages": []}),
    ]


@pytest.mark.parametrize("connected", [True, False])
def test_what_is_known_is_not_told_twice(connected: bool) -> None:
    link = Link(told=())
    told(link, EVE, connected)
    told(link, EVE, connected)
    assert len(link.transport.events) == 1


def test_a_stranger_who_has_left_is_introduced_as_absent() -> None:
    link = Link(told=())
    told(link, EVE, False)
    assert link.transport.events == [
        ("user connected", {"userID": EVE.id, "username": "eve", "connected": False, "messages": []})
    ]


def test_a_link_that_a_send_finds_gone_does_not_fall_behind() -> None:
    link = Link()
    link.transport.weight = 200

    def gone(_: str) -> bool:
        link.connection.open = link.connection.live = False
        return True

    online: Callable[[str], bool] = gone
    link.take(said(1, EVE), online)
    assert link.behind == []


def test_what_may_be_lost_is_sent_to_who_is_live_and_reads_and_moves_nothing() -> None:
    link = Link()
    typing = events.typing(BOB, 1)
    assert link.connection.hint(typing)
    link.transport.buffered = 101
    assert not link.connection.hint(typing)
    link.transport.buffered = 0
    link.connection.live = False
    assert not link.connection.hint(typing)
    assert link.transport.names == ["typing"]
    assert (link.connection.position, link.connection.noted, link.behind) == (0, 0, [])


def test_a_mark_introduces_whom_the_connection_was_not_told_of_as_a_message_does() -> None:
    link = Link(told=())
    mark = Mark(4, ANN.id, BOB.id, ANN.id, "read", 2, 9)
    link.take(events.mark(mark, BOB, ANN, "e"))
    assert link.transport.names == ["user connected", "read"]
    assert link.connection.position == 4
