"""One table for both doors: what is done at once, what waits, and that everything is answered once."""

import asyncio
import re
from typing import Any

import msgspec
import pytest

from tests.conftest import ExpectLog
from tests.fakes import Answers, FakeTransport, House, refused, turns, until
from tornadochat.delivery.connection import Connection
from tornadochat.errors import ChatError, Code
from tornadochat.models import Appended
from tornadochat.protocol import COMMANDS, Empty, HistoryReply, MessageReply, UsersReply
from tornadochat.transports.dispatch import Dispatch
from tornadochat.transports.inbox import Inbox, Intake


class Door:
    """Ann at a door, and Bob who is there as well."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.dispatch = Dispatch(house.messages, house.marks, house.typing, house.roster, house.identity)
        self.ann: Connection
        self.bob: Connection
        self.to_ann: FakeTransport
        self.inbox: Inbox

    @classmethod
    async def open(cls, *, prompt: bool = True, limit: int = 64) -> "Door":
        door = cls(House(prompt=prompt))
        door.ann, door.to_ann = await door.house.enter("ann")
        door.bob, _ = await door.house.enter("bob")
        door.inbox = door.inbox_of(door.ann, limit)
        door.house.store.reads.clear()
        return door

    def inbox_of(self, connection: Connection, limit: int = 64) -> Inbox:
        transport = connection.transport
        assert isinstance(transport, FakeTransport)
        intake = Intake(self.dispatch, self.house.rates, limit=limit, outbox_bytes=1000, stalled=10.0)
        inbox = Inbox(intake, transport, lambda: None)
        inbox.open(connection)
        return inbox

    def command(
        self, name: str, data: Any = None, *, asked: bool = True, answers: Answers | None = None
    ) -> Answers:
        answers = Answers() if answers is None else answers
        self.inbox.take(name, {} if data is None else data, answers if asked else None)
        return answers

    def message(self, content: str = "hi", to: str | None = None, answers: Answers | None = None) -> Answers:
        data = {"to": to or self.bob.user.id, "content": content}
        return self.command("private message", data, answers=answers)

    @property
    def said(self) -> list[str]:
        return [message.content for message in self.house.store.log]


@pytest.mark.gen_test
async def test_every_command_of_the_table_is_carried_out() -> None:
    door = await Door.open()
    replies: dict[str, object] = {
        "private message": MessageReply("1", 1, 1001, False),
        "received": Empty(),
        "read": Empty(),
        "typing": Empty(),
        "history": HistoryReply,
        "users": UsersReply,
        "sessions": list,
        "revoke": ChatError,
        "logout": Empty(),
    }
    data: dict[str, Any] = {
        "private message": {"to": door.bob.user.id, "content": "hi"},
        "received": {"with": door.bob.user.id, "seq": 1},
        "read": {"with": door.bob.user.id, "seq": 1},
        "typing": {"to": door.bob.user.id},
        "history": {"with": door.bob.user.id},
        "revoke": {"id": "unknown"},
    }
    for command in COMMANDS:
        answers = door.command(command.name, data.get(command.name))
        await turns()
        expected = replies[command.name]
        assert isinstance(answers.one, expected) if isinstance(expected, type) else answers.one == expected


@pytest.mark.gen_test
async def test_data_may_be_json_or_decoded() -> None:
    door = await Door.open()
    answers = door.command(
        "private message", msgspec.Raw(b'{"to":"%s","content":"hi"}' % door.bob.user.id.encode())
    )
    await turns()
    assert answers.one.seq == 1


@pytest.mark.gen_test
async def test_a_message_to_someone_at_hand_takes_no_task_and_no_read() -> None:
    door = await Door.open(prompt=False)
    tasks = len(asyncio.all_tasks())
    answers = door.message()
    assert len(door.house.store.drafts) == 1
    assert len(asyncio.all_tasks()) == tasks
    door.house.store.settle()
    assert answers.one.seq == 1
    assert door.house.store.reads == []


@pytest.mark.gen_test
async def test_commands_take_effect_in_the_order_in_which_they_came() -> None:
    door = await Door.open()
    door.house.directory.forget([door.bob.user.id])
    door.house.store.before = door.house.store.after = 3
    door.message("first")
    door.house.directory.remember(door.bob.user)
    for content in ("second", "third"):
        door.message(content)
    await until(lambda: len(door.said) == 3)
    assert door.said == ["first", "second", "third"]
    await turns()
    door.message("fourth")
    await turns()
    assert door.said[3:] == ["fourth"]


@pytest.mark.gen_test
async def test_a_read_sees_what_the_connection_wrote_before_it() -> None:
    door = await Door.open(prompt=False)
    flushed = asyncio.Event()
    settled = door.house.messages.settled

    async def wait() -> None:
        await settled()
        flushed.set()

    door.house.messages.settled = wait  # type: ignore[method-assign]
    door.message("mine")
    answers = door.command("history", {"with": door.bob.user.id})
    await turns()
    assert answers == []
    assert not flushed.is_set()
    door.house.store.settle()
    await until(lambda: bool(answers))
    assert [message.content for message in answers.one.messages] == ["mine"]


@pytest.mark.gen_test
async def test_a_slow_command_of_one_connection_does_not_hold_up_another() -> None:
    door = await Door.open()
    door.house.store.gate.clear()
    waiting = door.command("users")
    other = Answers()
    door.inbox_of(door.bob).take("private message", {"to": door.ann.user.id, "content": "hi"}, other)
    await turns()
    assert waiting == []
    assert other.one.seq == 1
    door.house.store.gate.set()
    await until(lambda: bool(waiting))


@pytest.mark.gen_test
async def test_an_unknown_command_is_told_which_there_are() -> None:
    door = await Door.open()
    for name in ("connect", "Private Message", "", "x" * 100_000, "__init__"):
        error = refused(door.command(name).one)
        assert error["code"] == "unknown_command"
        assert error["expected"] == ", ".join(command.name for command in COMMANDS)


@pytest.mark.gen_test
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
async def test_only_what_exists_for_its_reply_needs_an_id(command: Any) -> None:
    door = await Door.open()
    door.ann.transport.close = lambda reason: None  # type: ignore[method-assign]
    door.command(command.name, {"to": "x", "content": "x"}, asked=False)
    answers = door.to_ann.untold
    await turns()
    assert (refused(answers.one)["code"] == "id_required") != command.silent if answers else command.silent


@pytest.mark.gen_test
async def test_bad_data_is_refused_at_once_and_in_its_turn() -> None:
    door = await Door.open()
    answers = door.command("history", {"with": 5})
    assert refused(answers.one) == {
        "code": "invalid",
        "message": "the data is not as it must be",
        "retryable": False,
        "field": "with",
        "expected": "str",
    }
    assert door.house.store.reads == []


@pytest.mark.gen_test
async def test_what_a_service_refuses_is_the_answer() -> None:
    door = await Door.open()
    nobody, empty = door.message(to="nobody"), door.command("revoke")
    await turns()
    assert refused(nobody.one)["code"] == "unknown_user"
    assert refused(empty.one)["code"] == "invalid"


@pytest.mark.gen_test
async def test_a_store_that_fails_is_unavailable_and_the_next_command_is_done() -> None:
    door = await Door.open()
    door.house.store.failure = ChatError(Code.unavailable)
    answers = door.command("users")
    await turns()
    assert refused(answers.one)["code"] == "unavailable"
    door.house.store.failure = None
    answers = door.command("users")
    await turns()
    assert isinstance(answers.one, UsersReply)


@pytest.mark.gen_test
@pytest.mark.parametrize("name", ["users", "private message"])
async def test_a_fault_of_ours_is_answered_with_an_incident_that_the_log_explains(
    name: str, expect_log: ExpectLog, caplog: pytest.LogCaptureFixture
) -> None:
    door = await Door.open()
    expect_log(rf"ERROR tornadochat.*incident \w+ in {name}(.|\n)*ZeroDivisionError")
    fault = ZeroDivisionError()
    door.house.store.failure = fault
    door.house.directory.forget([door.bob.user.id])
    answers = door.message("s3cret") if name == "private message" else door.command(name)
    await turns()
    error = refused(answers.one)
    assert (error["code"], error["retryable"]) == ("internal", True)
    assert re.search(rf"incident {error['incident']} in {name}", caplog.text)
    assert "s3cret" not in caplog.text


@pytest.mark.gen_test
async def test_a_fault_in_what_is_done_at_once_is_an_incident_too(expect_log: ExpectLog) -> None:
    door = await Door.open()
    expect_log("incident .* in private message")

    def fail(entry: Appended) -> None:
        raise ZeroDivisionError

    door.house.store.append = fail  # type: ignore[method-assign]
    assert refused(door.message().one)["code"] == "internal"


@pytest.mark.gen_test
async def test_each_of_many_commands_is_answered_exactly_once() -> None:
    door = await Door.open(limit=5)
    all_answers = []
    for number in range(60):
        door.house.store.before = number % 3
        door.house.directory.forget([door.bob.user.id] if number % 7 == 0 else [])
        match number % 4:
            case 0:
                all_answers.append(door.command("users"))
            case 1:
                all_answers.append(door.command("nonsense"))
            case _:
                all_answers.append(door.message(str(number)))
    await until(lambda: all(all_answers))
    await turns()
    assert [len(answers) for answers in all_answers] == [1] * 60
    assert door.said == [str(number) for number in range(60) if number % 4 > 1]
    assert door.inbox.readable() is None


@pytest.mark.gen_test
async def test_the_worker_waits_while_its_client_leaves_answers_unread() -> None:
    door = await Door.open()
    first = door.command("users")
    second = door.command("users")
    door.to_ann.buffered = 2000
    await turns(30)
    assert (first, second) == ([], [])
    door.to_ann.drain()
    await until(lambda: bool(first) and bool(second))


@pytest.mark.gen_test
async def test_logging_out_answers_before_it_closes() -> None:
    door = await Door.open()
    order: list[str] = []
    door.to_ann.close = lambda reason: order.append(reason.name)  # type: ignore[method-assign]
    door.inbox.take("logout", {}, lambda result: order.append(type(result).__name__))
    await turns()
    assert order == ["Empty", "revoked"]


@pytest.mark.gen_test
async def test_stopping_ends_the_workers() -> None:
    door = await Door.open()
    door.house.store.gate.clear()
    answers = door.command("users")
    await turns()
    await door.dispatch.stop()
    assert answers == []
    assert len(asyncio.all_tasks()) == 1


@pytest.mark.gen_test
async def test_a_connection_that_has_gone_leaves_no_worker_behind() -> None:
    door = await Door.open()
    door.house.store.gate.clear()
    door.command("users")
    await turns()
    door.inbox.close()
    door.house.arrivals.leave(door.ann)
    door.house.store.gate.set()
    await turns(30)
    assert len(asyncio.all_tasks()) == 1
    door.house.presence.stop()
