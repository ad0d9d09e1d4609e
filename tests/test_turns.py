"""How many events the loop of the server takes at a time."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tornadochat.turns import EVENTS_PER_TURN, new_event_loop

CROWD = 3 * EVENTS_PER_TURN


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = new_event_loop()
    yield loop
    loop.close()


@pytest.fixture
def crowd() -> Iterator[list[socket.socket]]:
    """Sockets that have something to be read, all of them."""
    with ExitStack() as stack:
        readers = []
        for _ in range(CROWD):
            reader, writer = map(stack.enter_context, socket.socketpair())
            writer.send(b"x")
            readers.append(reader)
        yield readers


def test_a_crowd_is_taken_by_turns_and_nobody_twice_before_all(
    loop: asyncio.AbstractEventLoop, crowd: list[socket.socket]
) -> None:
    turns: list[list[int]] = [[]]

    def new_turn() -> None:
        turns.append([])
        if len(turns) < 8:
            loop.call_soon(new_turn)
        else:
            loop.stop()

    def hear(number: int) -> None:
        turns[-1].append(number)

    for reader in crowd:
        loop.add_reader(reader, hear, reader.fileno())
    loop.call_soon(new_turn)
    loop.run_forever()
    assert max(map(len, turns)) <= EVENTS_PER_TURN
    heard = [number for turn in turns for number in turn]
    assert len(set(heard[:CROWD])) == CROWD
    for reader in crowd:
        loop.remove_reader(reader)


def test_the_loop_sleeps_until_something_happens(loop: asyncio.AbstractEventLoop) -> None:
    async def sleep() -> float:
        before = loop.time()
        await asyncio.sleep(0.05)
        return loop.time() - before

    assert loop.run_until_complete(sleep()) >= 0.05
