"""The hub: who is here, who watches whom, and who is handed what."""

import itertools
import time

from tests.delivery.test_connection import ANN, BOB, EVE, present, said
from tests.fakes import FakeTransport
from tornadochat import events
from tornadochat.delivery.connection import Connection
from tornadochat.delivery.hub import Hub
from tornadochat.models import Mark, Session, User

handles = itertools.count()


class Room:
    """A hub, and the connections that asked to be caught up."""

    def __init__(self) -> None:
        self.hub = Hub()
        self.behind: list[Connection] = []

    def enter(self, user: User, *, live: bool = True) -> Connection:
        session = Session(f"{next(handles):016x}", user, "raw", 0, 0)
        connection = Connection(session, FakeTransport(), outbox_bytes=100, behind=self.behind.append)
        connection.live = live
        self.hub.add(connection)
        return connection


def contents(connection: Connection) -> list[str]:
    assert isinstance(connection.transport, FakeTransport)
    return [data["content"] for data in connection.transport.named("private message")]


def connection_of(user: User) -> Connection:
    return Connection(Session("0", user, "raw", 0, 0), FakeTransport(), outbox_bytes=100, behind=print)


def test_only_the_first_and_the_last_connection_of_a_user_make_a_difference() -> None:
    hub = Hub()
    one, two = connection_of(ANN), connection_of(ANN)
    assert not hub.present(ANN.id)
    assert hub.add(one)
    assert not hub.add(two)
    assert not hub.remove(one)
    assert hub.present(ANN.id)
    assert hub.remove(two)
    assert not hub.present(ANN.id)
    assert list(hub) == []


def test_removing_twice_changes_nothing() -> None:
    room = Room()
    one, two = room.enter(ANN), room.enter(ANN)
    room.hub.remove(one)
    assert not room.hub.remove(one)
    assert room.hub.of(ANN.id) == (two,)


def test_a_removed_connection_is_neither_open_nor_live() -> None:
    room = Room()
    connection = room.enter(ANN)
    room.hub.remove(connection)
    assert not connection.open
    assert not connection.live


def test_an_event_reaches_every_connection_of_the_two_it_concerns_and_no_other() -> None:
    room = Room()
    reached = [room.enter(ANN), room.enter(ANN), room.enter(BOB)]
    other = room.enter(EVE)
    room.hub.publish(said(1), online=present)
    assert [contents(connection) for connection in reached] == [["no. 1"]] * 3
    assert contents(other) == []


def test_a_mark_reaches_the_connections_of_its_viewer_alone() -> None:
    room = Room()
    ann, bob = room.enter(ANN), room.enter(BOB)
    room.hub.publish(
        events.mark(Mark(1, ANN.id, BOB.id, ANN.id, "read", 1, 0), BOB, ANN, "e"), online=present
    )
    assert ann.position == 1
    assert bob.position == 0


def test_an_event_for_nobody_here_reaches_nobody() -> None:
    room = Room()
    other = room.enter(EVE)
    room.hub.publish(said(1), online=present)
    assert contents(other) == []


def test_a_message_to_oneself_reaches_each_other_connection_once() -> None:
    room = Room()
    sending, other = room.enter(ANN), room.enter(ANN)
    room.hub.publish(said(1, ANN, ANN, sending.id), online=present)
    assert (contents(sending), contents(other)) == ([], ["no. 1"])


def test_whoever_has_exchanged_a_message_watches_the_other() -> None:
    room = Room()
    ann, bob = room.enter(ANN, live=False), room.enter(BOB)
    room.hub.publish(said(1), online=present)
    assert room.hub.watchers(BOB.id) == [ann]
    assert room.hub.watchers(ANN.id) == [bob]
    assert room.hub.watchers(EVE.id) == []


def test_a_connection_that_has_gone_watches_nobody() -> None:
    room = Room()
    ann = room.enter(ANN)
    room.hub.watch(ann, (BOB.id, EVE.id, BOB.id))
    room.hub.remove(ann)
    room.hub.watch(ann, (BOB.id,))
    assert room.hub.watchers(BOB.id) == []
    assert room.hub.watchers(EVE.id) == []


def test_rereading_sends_live_connections_back_to_the_log() -> None:
    room = Room()
    live, catching_up, other = room.enter(ANN), room.enter(ANN, live=False), room.enter(EVE)
    catching_up.noted = 12
    room.hub.reread(ANN.id, 9)
    assert room.behind == [live]
    assert (live.live, live.noted, catching_up.noted) == (False, 9, 12)
    assert other.live


def test_all_connections_may_be_removed_while_they_are_gone_through() -> None:
    room = Room()
    for user in (ANN, BOB, EVE):
        room.enter(user)
    for connection in room.hub:
        room.hub.remove(connection)
    assert list(room.hub) == []


def test_a_crowd_of_one_user_s_connections_keeps_its_order() -> None:
    room = Room()
    crowd = [room.enter(ANN) for _ in range(50)]
    assert room.hub.of(ANN.id) == tuple(crowd)
    for connection in crowd[::2]:
        room.hub.remove(connection)
    assert room.hub.of(ANN.id) == tuple(crowd[1::2])
    assert room.hub.count(ANN.id) == 25
    late = room.enter(ANN)
    assert room.hub.of(ANN.id) == (*crowd[1::2], late)


def test_a_crowd_of_one_user_s_connections_comes_and_goes_in_linear_time() -> None:
    hub = Hub()
    crowd = [connection_of(ANN) for _ in range(20_000)]
    began = time.process_time()
    for connection in crowd:
        hub.add(connection)
    for connection in crowd:
        hub.remove(connection)
    # With a tuple that is made anew for each one it was ten seconds; now it is some hundredths of one.
    assert time.process_time() - began < 2
