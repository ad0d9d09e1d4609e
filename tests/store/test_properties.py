"""Whatever is sent, the store agrees with a model of a few lines."""

import asyncio
import tempfile
from collections import defaultdict
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tornado.ioloop import IOLoop

from tests.store.house import House
from tornadochat.models import Message, Outcome, Refused, Stored, User

PEOPLE = 3
SENDS = st.tuples(
    st.integers(0, PEOPLE - 1),
    st.integers(0, PEOPLE - 1),
    st.sampled_from(["hi", "ho", ""]),
    st.sampled_from([None, "c1", "c2", "c3"]),
)
BATCHES = st.lists(st.lists(SENDS, max_size=8), max_size=5)


class Model:
    def __init__(self) -> None:
        self.log: list[Message] = []
        self.seqs: dict[frozenset[str], int] = defaultdict(int)
        self.known: dict[tuple[str, str], Message] = {}

    def send(self, sender: User, recipient: User, content: str, client_id: str | None) -> Outcome:
        first = None if client_id is None else self.known.get((sender.id, client_id))
        if first is not None:
            same = (first.recipient, first.content) == (recipient.id, content)
            return Stored(first, duplicate=True) if same else Refused("conflict")
        room = frozenset((sender.id, recipient.id))
        self.seqs[room] += 1
        message = Message(
            len(self.log) + 1, sender.id, recipient.id, self.seqs[room], content, 5, client_id, 1
        )
        self.log.append(message)
        if client_id is not None:
            self.known[sender.id, client_id] = message
        return Stored(message, duplicate=False)

    def of(self, user: User) -> list[Message]:
        return [message for message in self.log if user.id in (message.sender, message.recipient)]

    def between(self, one: User, other: User) -> list[Message]:
        members = {one.id, other.id}
        return [message for message in self.log if {message.sender, message.recipient} == members]


async def agree(house: House, batches: list[list[tuple[int, int, str, str | None]]], size: int) -> None:
    model, store = Model(), house.store
    people = await house.people(*"abc")
    for batch in batches:
        sends = [(people[a], people[b], content, client_id) for a, b, content, client_id in batch]
        outcomes = await asyncio.gather(*[house.post(*send) for send in sends])
        assert outcomes == [model.send(*send) for send in sends]
    assert house.published == model.log
    for user in people:
        for start in range(0, len(model.log) + 1, 3):
            expected = [message for message in model.of(user) if message.number > start][:size]
            assert await store.log_after(user.id, start, size) == expected
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
def test_any_sequence_of_sends_ends_as_the_model_says(
    io_loop: IOLoop, batches: list[list[tuple[int, int, str, str | None]]], size: int
) -> None:
    async def run() -> None:
        with tempfile.TemporaryDirectory() as directory:
            house = await House.open(Path(directory) / "chat.db", clock=lambda: 5)
            try:
                await agree(house, batches, size)
            finally:
                await house.store.close()

    io_loop.run_sync(run, timeout=20)
