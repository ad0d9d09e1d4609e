"""Events: encoded once for all who receive them, with the guide's names and fields."""

import msgspec

from tornadochat import events
from tornadochat.errors import ChatError, Code
from tornadochat.events import Event, LogEvent
from tornadochat.models import Mark, MarkKind, Message, User
from tornadochat.protocol import EVENTS

ANN, BOB = User("1" * 16, "ann"), User("2" * 16, "bob")


def data(event: Event) -> object:
    return msgspec.json.decode(event.json)


def log_event(client_id: str | None = None) -> LogEvent:
    return events.message(Message(7, BOB.id, ANN.id, 3, "hi", 99, client_id, 5), BOB, ANN, "epoch")


def test_an_event_is_encoded_once_per_door_however_many_receive_it() -> None:
    made: list[str] = []

    def one(name: str, json: bytes) -> str:
        made.append("one")
        return f"1{name}{json.decode()}"

    def two(name: str, json: bytes) -> str:
        made.append("two")
        return f"2{name}{json.decode()}"

    event = Event("typing", [1])
    frames = [event.frame(door) for door in (one, two, one, two, one)]
    assert frames == ["1typing[1]", "2typing[1]"] * 2 + ["1typing[1]"]
    assert made == ["one", "two"]
    assert event.json is event.json


def test_a_message_carries_its_cursor_and_its_client_id_if_it_has_one() -> None:
    fields = {
        "content": "hi",
        "from": BOB.id,
        "to": ANN.id,
        "id": "7",
        "seq": 3,
        "at": 99,
        "cursor": "epoch.7",
    }
    assert data(log_event()) == fields
    assert data(log_event("c1")) == fields | {"clientID": "c1"}


def test_a_message_has_another_side_for_each_of_the_two() -> None:
    assert log_event().other(ANN.id) is BOB
    assert log_event().other(BOB.id) is ANN
    to_oneself = events.message(Message(1, ANN.id, ANN.id, 1, "", 0, None, 0), ANN, ANN, "e")
    assert to_oneself.other(ANN.id) is ANN
    assert (log_event().audience, to_oneself.audience) == ((BOB.id, ANN.id), (ANN.id,))


def mark(kind: MarkKind, viewer: User = ANN, unread: int | None = None) -> Mark:
    return Mark(7, viewer.id, BOB.id, ANN.id, kind, 3, 5, unread)


def test_a_mark_is_for_the_one_whose_view_it_is_and_tells_whose_it_is() -> None:
    event = events.mark(mark("received"), BOB, ANN, "epoch")
    assert (event.number, event.connection, event.audience) == (7, 5, (ANN.id,))
    assert event.other(ANN.id) is BOB
    assert data(event) == {"from": BOB.id, "with": ANN.id, "seq": 3, "cursor": "epoch.7"}


def test_only_one_s_own_reading_tells_what_is_unread() -> None:
    fields = {"from": BOB.id, "with": ANN.id, "seq": 3, "cursor": "epoch.7"}
    assert data(events.mark(mark("read"), BOB, ANN, "epoch")) == fields
    own = events.mark(mark("read", BOB, 0), BOB, ANN, "epoch")
    assert data(own) == fields | {"unread": 0}
    assert own.audience == (BOB.id,)


def test_typing_tells_who_and_until_when() -> None:
    assert data(events.typing(BOB, 6_000)) == {"from": BOB.id, "until": 6_000}


def test_arrivals_and_departures_are_the_guide_s() -> None:
    connected = {"userID": BOB.id, "username": "bob", "connected": True, "messages": []}
    assert data(events.presence_change(BOB, True)) == connected
    assert events.presence_change(BOB, False).name == "user disconnected"
    assert data(events.presence_change(BOB, False)) == BOB.id
    assert data(events.presence(BOB, False)) == connected | {"connected": False}


def test_the_rest_is_as_the_table_of_events_has_it() -> None:
    assert data(events.session("s3cret", ANN)) == {"sessionID": "s3cret", "userID": ANN.id, "username": "ann"}
    assert data(events.ready("epoch", 7)) == {"cursor": "epoch.7"}
    assert data(events.reset("future")) == {"reason": "future"}
    assert data(events.users([])) == []
    made = [
        events.session("s", ANN),
        events.ready("e", 1),
        events.reset("future"),
        events.users([]),
        events.presence_change(BOB, True),
        events.presence_change(BOB, False),
        events.error(ChatError(Code.invalid)),
        log_event(),
        events.mark(mark("received"), BOB, ANN, "e"),
        events.mark(mark("read"), BOB, ANN, "e"),
        events.typing(ANN, 1),
    ]
    assert {event.name for event in made} == {row.name for row in EVENTS}


def test_an_error_tells_of_which_command_it_is() -> None:
    error = ChatError(Code.unknown_user, field="to")
    assert data(events.error(error, "private message")) == {
        "code": "unknown_user",
        "message": "there is no such user",
        "retryable": False,
        "field": "to",
        "command": "private message",
    }
    assert "command" not in msgspec.json.decode(events.error(error).json)


def test_an_error_repeats_little_of_a_command_s_name_and_nothing_that_is_no_text() -> None:
    error = ChatError(Code.unknown_command)
    long = msgspec.json.decode(events.error(error, "x" * 100_000).json)
    assert long["command"] == "x" * events.COMMAND_LONGEST
    assert msgspec.json.decode(events.error(error, "a\ud800").json)["command"] == "a?"
