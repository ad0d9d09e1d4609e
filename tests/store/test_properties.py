"""Whatever is sent, the store agrees with a model of a few lines."""

import asyncio
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tornado.ioloop import IOLoop

from tests.store.house import House
from tornadochat.models import Logged, Mark, Marked, MarkKind, Message, Outcome, Refused, Stored, User

Step = tuple[Any, ...]
PEOPLE = 3
SENDS = st.tuples(
    st.integers(0, PEOPLE - 1),
    st.integers(0, PEOPLE - 1),
    st.sampled_from(["hi", "ho", ""]),
    st.sampled_from([None, "c1", "c2", "c3"]),
)
MARKS = st.tuples(
    st.integers(0, PEOPLE - 1),
    st.integers(0, PEOPLE - 1),
    st.sampled_from(["received", "read"]),
    st.integers(0, 6),
    st.booleans(),
)
BATCHES = st.lists(st.lists(SENDS | SENDS | MARKS, min_size=2, max_size=10), min_size=2, max_size=5)


class Model:
    def __init__(self) -> None:
        self.log: list[Message] = []
        self.views: dict[tuple[str, str, str, MarkKind], Mark] = {}
        self.last = 0
        self.seqs: dict[frozenset[str], int] = defaultdict(int)
        self.known: dict[tuple[str, str], Message] = {}

    def send(self, sender: User, recipient: User, content: str, client_id: str | None) -> Outcome:
        first = None if client_id is None else self.known.get((sender.id, client_id))
        if first is not None:
            same = (first.recipient, first.content) == (recipient.id, content)
            return Stored(first, duplicate=True) if same else Refused("conflict")
        room = frozenset((sender.id, recipient.id))
        self.seqs[room] += 1
        self.last += 1
        message = Message(self.last, sender.id, recipient.id, self.seqs[room], content, 5, client_id, 1)
        self.log.append(message)
        if client_id is not None:
            self.known[sender.id, client_id] = message
        return Stored(message, duplicate=False)

    def mark(self, sender: User, recipient: User, kind: MarkKind, seq: int, private: bool) -> Outcome:
        """Each side is told what is news to it, and no more than it may know."""
        moved: list[Mark] = []
        seq = min(seq, self.seqs[frozenset((sender.id, recipient.id))])
        for viewer in dict.fromkeys((sender.id, recipient.id)):
            shown: MarkKind = "received" if private and viewer != sender.id else kind
            if seq > self.seq(viewer, sender, recipient, shown):
                mark = Mark(self.last + 1, viewer, sender.id, recipient.id, shown, seq, 1)
                if (viewer, shown) == (sender.id, "read"):
                    unread = self.unread(sender, recipient, self.last + 1, seq)
                    mark = msgspec.structs.replace(mark, unread=unread)
                self.views[viewer, sender.id, recipient.id, shown] = mark
                moved.append(mark)
        self.last += bool(moved)
        return Marked(tuple(moved))

    def seq(self, viewer: str, sender: User, recipient: User, kind: MarkKind) -> int:
        """How far the sender has come, as the viewer knows; what was read was received."""
        kinds: tuple[MarkKind, ...] = ("read",) if kind == "read" else ("read", "received")
        marks = [self.views.get((viewer, sender.id, recipient.id, kind)) for kind in kinds]
        return max(0 if mark is None else mark.seq for mark in marks)

    def unread(self, user: User, other: User, number: int, seq: int) -> int:
        theirs = [m for m in self.log if (m.sender, m.recipient) == (other.id, user.id) and user != other]
        return sum(m.seq > seq and m.number <= number for m in theirs)

    def of(self, user: User, snapshot: int) -> list[Logged]:
        own: list[Logged] = [m for m in self.log if user.id in (m.sender, m.recipient)]
        for mark in self.views.values():
            if mark.viewer == user.id:
                unread = mark.unread
                if unread is not None:
                    one, other = (User(key, "") for key in (mark.sender, mark.recipient))
                    unread = self.unread(one, other, max(mark.number, snapshot), mark.seq)
                own.append(msgspec.structs.replace(mark, unread=unread))
        return sorted(own, key=lambda logged: logged.number)

    def between(self, one: User, other: User) -> list[Message]:
        members = {one.id, other.id}
        return [message for message in self.log if {message.sender, message.recipient} == members]


async def agree(house: House, batches: list[list[Step]], size: int) -> None:
    model, store = Model(), house.store
    people = await house.people(*"abc")
    for batch in batches:
        posted: list[asyncio.Future[Outcome]] = []
        expected: list[Outcome] = []
        for one, other, *rest in batch:
            pair = people[one], people[other]
            if len(rest) == 3:
                posted.append(house.mark(rest[0], *pair, rest[1], private=rest[2]))
                expected.append(model.mark(*pair, *rest))
            else:
                posted.append(house.post(*pair, *rest))
                expected.append(model.send(*pair, *rest))
        assert await asyncio.gather(*posted) == expected
    assert house.published == model.log
    assert store.last_number == model.last
    for user in people:
        for start in range(0, model.last + 1, 3):
            snapshot = start * 2
            left = [logged for logged in model.of(user, snapshot) if logged.number > start]
            assert await store.log_after(user.id, start, size, snapshot) == left[:size]
        view = await store.snapshot(
            user.id, everyone_up_to=9, partners=9, conversations=0, messages=0, characters=0
        )
        assert view.position == model.last
        for found in view.conversations:
            read = model.seq(user.id, user, found.other, "read")
            assert found.unread == model.unread(user, found.other, model.last, read)
            assert found.read == model.seq(user.id, found.other, user, "read")
            assert found.received == model.seq(user.id, found.other, user, "received")
    for one, other in [(people[0], people[1]), (people[2], people[2])]:
        room = model.between(one, other)
        for seq in range(0, len(room) + 2, 2):
            above, below = room[seq:], room[: max(seq - 1, 0)]
            page = await store.history(one.id, other.id, before=None, after=seq, limit=size)
            assert page == (above[:size], len(above) > size)
            page = await store.history(one.id, other.id, before=seq, after=None, limit=size)
            assert page == (below[-size:], len(below) > size)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(BATCHES, st.integers(1, 4))
def test_any_sequence_of_sends_and_marks_ends_as_the_model_says(
    io_loop: IOLoop, kind: str, batches: list[list[Step]], size: int
) -> None:
    async def run() -> None:
        with tempfile.TemporaryDirectory() as directory:
            house = await House.open(
                Path(directory) / "chat.db" if kind == "sqlite" else None, clock=lambda: 5
            )
            try:
                await agree(house, batches, size)
            finally:
                await house.store.close()

    io_loop.run_sync(run, timeout=20)
