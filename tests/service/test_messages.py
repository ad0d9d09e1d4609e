"""Private messages: stored first, then told to the two, then answered."""

from typing import Any

import msgspec
import pytest

from tests.fakes import Answers, FakeTransport, House, refused, turns, until
from tornadochat.delivery.connection import Connection
from tornadochat.errors import ChatError, Code
from tornadochat.models import Draft, Refused
from tornadochat.protocol import EVENT_BYTES_MAX, History, HistoryReply, MessageReply, PrivateMessage


def send(house: House, connection: Connection, to: str, content: str = "hi", **more: Any) -> Answers:
    answers = Answers()
    assert house.messages.send_now(connection, PrivateMessage(to, content, **more), answers)
    return answers


async def history(house: House, connection: Connection, with_: str, **more: Any) -> HistoryReply:
    answers = Answers()
    await house.messages.history(connection, History(with_, **more), answers)
    reply = answers.one
    assert isinstance(reply, HistoryReply)
    return reply


async def pair(house: House) -> tuple[Connection, FakeTransport, Connection, FakeTransport]:
    ann, to_ann = await house.enter("ann")
    bob, to_bob = await house.enter("bob")
    to_ann.take()
    return ann, to_ann, bob, to_bob


@pytest.mark.gen_test
async def test_the_reply_comes_after_the_commit_and_after_the_event() -> None:
    house = House(prompt=False)
    ann, _, bob, to_bob = await pair(house)
    answers = send(house, ann, bob.user.id)
    await turns()
    assert (answers, to_bob.events) == ([], [])
    house.store.commit()
    await turns()
    assert (answers, to_bob.events) == ([], [])
    told: list[int] = []
    house.store.drafts.append(
        Draft(ann.user, bob.user, "second", None, ann.id, lambda _: told.append(len(to_bob.events)))
    )
    house.store.settle()
    assert told == [2]
    assert answers.one == MessageReply("1", 1, 1001, duplicate=False)


@pytest.mark.gen_test
async def test_the_event_reaches_the_others_of_the_two_and_not_the_sending_connection() -> None:
    house = House()
    ann, to_ann, bob, to_bob = await pair(house)
    tab, to_tab = await house.connect(sessionID=house.secret(ann))
    _, to_eve = await house.enter("eve")
    await until(lambda: tab.live)
    for transport in (to_ann, to_bob, to_tab, to_eve):
        transport.take()
    send(house, ann, bob.user.id, "hello", clientID="c1")
    await turns()
    event = {
        "content": "hello",
        "from": ann.user.id,
        "to": bob.user.id,
        "id": "1",
        "seq": 1,
        "at": 1001,
        "cursor": "e.1",
        "clientID": "c1",
    }
    assert to_bob.take() == to_tab.take() == [("private message", event)]
    assert (to_ann.take(), to_eve.take()) == ([], [])


@pytest.mark.gen_test
async def test_the_same_message_sent_again_is_answered_again_and_told_once() -> None:
    house = House()
    ann, _, bob, to_bob = await pair(house)
    for duplicate in (False, True):
        answers = send(house, ann, bob.user.id, clientID="c1")
        await turns()
        assert answers.one == MessageReply("1", 1, 1001, duplicate)
    assert to_bob.names == ["private message"]


@pytest.mark.gen_test
@pytest.mark.parametrize("content", ["other", "hi"])
async def test_a_client_id_used_for_another_message_is_a_conflict(content: str) -> None:
    house = House()
    ann, _, bob, _ = await pair(house)
    send(house, ann, bob.user.id, clientID="c1")
    answers = send(house, ann, bob.user.id if content == "other" else ann.user.id, content, clientID="c1")
    await turns()
    assert refused(answers.one)["code"] == "conflict"
    assert refused(answers.one)["field"] == "clientID"
    assert refused(answers.one)["expected"]


@pytest.mark.gen_test
async def test_someone_who_is_not_at_hand_is_asked_for() -> None:
    house = House()
    ann, _, bob, to_bob = await pair(house)
    house.directory.forget([bob.user.id])
    answers = Answers()
    command = PrivateMessage(bob.user.id, "hi")
    assert not house.messages.send_now(ann, command, answers)
    assert house.store.drafts == []
    await house.messages.send(ann, command, answers)
    await turns()
    assert answers.one.seq == 1
    assert to_bob.names == ["private message"]


@pytest.mark.gen_test
async def test_a_message_to_nobody_is_refused() -> None:
    house = House()
    ann, *_ = await pair(house)
    for to in ("nobody", ann.user.username, "0" * 16):
        with pytest.raises(ChatError) as refusal:
            await house.messages.send(ann, PrivateMessage(to, "hi"), Answers())
        assert (refusal.value.code, refusal.value.field) == (Code.unknown_user, "to")


@pytest.mark.gen_test
async def test_someone_swept_meanwhile_is_refused_with_the_field() -> None:
    house = House()
    ann, _, bob, _ = await pair(house)
    del house.store.users[bob.user.id]
    answers = send(house, ann, bob.user.id)
    await turns()
    assert refused(answers.one) == {
        "code": "unknown_user",
        "message": "there is no such user",
        "retryable": False,
        "field": "to",
        "expected": "the userID of an existing user",
    }


@pytest.mark.gen_test
@pytest.mark.parametrize(
    ("command", "code", "field"),
    [
        ({"content": "x" * 101}, Code.too_large, "content"),
        ({"content": "a\0b"}, Code.invalid, "content"),
        ({"content": "a", "clientID": "a\0"}, Code.invalid, "clientID"),
    ],
)
async def test_content_is_bounded_and_holds_no_nul(command: Any, code: Code, field: str) -> None:
    house = House()
    ann, _, bob, _ = await pair(house)
    with pytest.raises(ChatError) as refusal:
        send(house, ann, bob.user.id, **command)
    assert (refusal.value.code, refusal.value.field) == (code, field)
    assert refusal.value.expected
    assert house.store.drafts == []
    send(house, ann, bob.user.id, "\U0001f600" * 100)


@pytest.mark.gen_test
async def test_what_may_or_may_not_be_stored_is_unavailable_and_comes_from_the_log() -> None:
    house = House(prompt=False)
    ann, to_ann, bob, to_bob = await pair(house)
    answers = send(house, ann, bob.user.id, "first", clientID="c1")
    house.store.commit()
    house.store.lose_track()
    again = send(house, ann, bob.user.id, "first", clientID="c1")
    house.store.settle()
    assert refused(answers.one)["retryable"] is True
    assert again.one.duplicate
    await turns()
    assert [data["content"] for data in to_bob.named("private message")] == ["first"]
    assert bob.live
    assert ann.live
    assert to_ann.named("private message") == []


@pytest.mark.gen_test
async def test_recovered_messages_come_before_those_published_after_them() -> None:
    house = House(prompt=False)
    ann, _, bob, to_bob = await pair(house)
    for content in ("first", "second"):
        send(house, ann, bob.user.id, content)
        house.store.commit()
        if content == "first":
            house.store.lose_track()
    house.store.settle()
    send(house, ann, bob.user.id, "third")
    house.store.settle()
    await until(lambda: bob.live)
    assert [data["content"] for data in to_bob.named("private message")] == ["first", "second", "third"]


@pytest.mark.gen_test
async def test_an_outcome_nobody_knows_is_answered_as_unavailable() -> None:
    house = House(prompt=False)
    ann, _, bob, _ = await pair(house)
    answers = send(house, ann, bob.user.id)
    house.store.drafts.pop().settle(Refused("unavailable"))
    assert refused(answers.one) == {
        "code": "unavailable",
        "message": "the store cannot take this now; try again",
        "retryable": True,
    }


@pytest.mark.gen_test
async def test_history_pages_through_the_conversation_in_both_directions() -> None:
    house = House()
    ann, _, bob, _ = await pair(house)
    for number in range(1, 8):
        send(house, (ann, bob)[number % 2], (bob, ann)[number % 2].user.id, f"no. {number}")
    await turns()

    async def page(**more: int) -> tuple[list[int], bool]:
        reply = await history(house, bob, ann.user.id, **more)
        return [message.seq for message in reply.messages], reply.more

    assert await page() == ([1, 2, 3, 4, 5, 6, 7], False)
    assert await page(limit=3) == ([5, 6, 7], True)
    assert await page(limit=3, before=5) == ([2, 3, 4], True)
    assert await page(limit=3, before=2) == ([1], False)
    assert await page(limit=3, after=0) == ([1, 2, 3], True)
    assert await page(limit=3, after=4) == ([5, 6, 7], False)
    assert await page(after=7) == ([], False)


@pytest.mark.gen_test
async def test_history_gives_no_more_than_the_house_allows() -> None:
    house = House(history_page=2)
    ann, _, bob, _ = await pair(house)
    for _ in range(3):
        send(house, ann, bob.user.id)
    await turns()
    reply = await history(house, ann, bob.user.id, limit=200)
    assert ([message.seq for message in reply.messages], reply.more) == ([2, 3], True)


@pytest.mark.gen_test
async def test_history_with_oneself_or_without_a_message_is_empty() -> None:
    house = House()
    ann, _, bob, _ = await pair(house)
    for other in (ann, bob):
        assert await history(house, ann, other.user.id) == HistoryReply([], more=False)


@pytest.mark.gen_test
async def test_history_asks_for_one_direction_and_an_existing_user() -> None:
    house = House()
    ann, _, bob, _ = await pair(house)
    with pytest.raises(ChatError) as refusal:
        await history(house, ann, bob.user.id, before=1, after=1)
    assert refusal.value.code is Code.invalid
    with pytest.raises(ChatError) as refusal:
        await history(house, ann, "nobody")
    assert (refusal.value.code, refusal.value.field) == (Code.unknown_user, "with")


@pytest.mark.gen_test
@pytest.mark.parametrize("direction", ["after", "before"])
async def test_a_history_page_ends_early_where_one_frame_cannot_carry_it(direction: str) -> None:
    house = House(characters=10_000)
    ann, _, bob, _ = await pair(house)
    for _ in range(60):
        send(house, ann, bob.user.id, "\x01" * 10_000)  # six bytes each in JSON
    await turns()
    seqs: list[int] = []
    more, place = True, {"after": 0, "before": 61}[direction]
    while more:
        reply = await history(house, bob, ann.user.id, **{direction: place})
        assert len(msgspec.json.encode(reply)) <= EVENT_BYTES_MAX - 512
        page = [message.seq for message in reply.messages]
        assert page
        seqs, place = ([*seqs, *page], page[-1]) if direction == "after" else ([*page, *seqs], page[0])
        more = reply.more
    assert seqs == list(range(1, 61))


@pytest.mark.gen_test
async def test_the_log_of_a_user_comes_with_both_people() -> None:
    house = House()
    ann, _, bob, _ = await pair(house)
    send(house, ann, bob.user.id)
    send(house, bob, bob.user.id)
    await turns()
    house.directory.forget([ann.user.id, bob.user.id])
    log = await house.log.read(ann.user.id, 0, 10, 0)
    assert [(e.number, e.sender.username, e.recipient.username) for e in log] == [(1, "ann", "bob")]
    assert house.store.reads.count("find_users") == 1
    assert [e.number for e in await house.log.read(bob.user.id, 1, 10, 0)] == [2]


@pytest.mark.gen_test
async def test_whose_messages_are_replayed_is_watched() -> None:
    house = House(limit=0)
    ann, _, bob, to_bob = await pair(house)
    secret = house.secret(bob)
    house.presence.leave(bob)
    send(house, ann, bob.user.id)
    await turns()
    bob, to_bob = await house.connect(sessionID=secret, since="e.0")
    await until(lambda: bob.live)
    house.presence.leave(ann)
    house.presence.stop()
    assert bob in house.hub.watchers(ann.user.id)
    assert to_bob.names == ["session", "users", "user connected", "private message", "ready"]
