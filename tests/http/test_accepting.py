"""Accepting: a few at a time, and no storm when the process has no room."""

import asyncio
import errno
import socket
from typing import Any

import pytest

from tests.conftest import ExpectLog
from tests.fakes import until
from tornadochat.http import accepting
from tornadochat.http.accepting import PER_TURN, Acceptor


class Listening(socket.socket):
    """A listening socket that may be told to have no descriptors left."""

    full = False
    asked = 0

    def accept(self) -> tuple[socket.socket, Any]:
        self.asked += 1
        if self.full:
            raise OSError(errno.EMFILE, "Too many open files")
        return super().accept()


class Gate:
    """An acceptor at a real socket, and those who come to it."""

    def __init__(self) -> None:
        self.listening = Listening()
        self.listening.setblocking(False)
        self.listening.bind(("127.0.0.1", 0))
        self.listening.listen(100)
        self.taken: list[socket.socket] = []
        self.coming: list[socket.socket] = []
        self.acceptor = Acceptor(self.listening, lambda connection, _: self.taken.append(connection))

    def come(self, count: int) -> None:
        address = self.listening.getsockname()
        self.coming += [socket.create_connection(address) for _ in range(count)]

    def close(self) -> None:
        self.acceptor.stop()
        for one in (self.listening, *self.taken, *self.coming):
            one.close()


@pytest.mark.gen_test
async def test_a_crowd_is_taken_a_few_in_each_turn() -> None:
    gate = Gate()
    gate.come(3 * PER_TURN)
    before = 0
    while len(gate.taken) < 3 * PER_TURN:
        await asyncio.sleep(0)
        assert len(gate.taken) - before <= PER_TURN
        before = len(gate.taken)
    gate.close()


@pytest.mark.gen_test
async def test_without_descriptors_it_rests_says_so_once_and_goes_on(
    monkeypatch: pytest.MonkeyPatch, expect_log: ExpectLog
) -> None:
    monkeypatch.setattr(accepting, "REST_SECONDS", 0.05)
    gate = Gate()
    gate.listening.full = True
    expect_log("new connections have to wait: Too many open files")
    gate.come(2)
    await asyncio.sleep(0.3)
    assert 2 <= gate.listening.asked <= 8
    gate.listening.full = False
    await asyncio.sleep(0.1)
    await until(lambda: len(gate.taken) == 2)
    gate.close()


@pytest.mark.gen_test
async def test_once_stopped_it_takes_nobody_even_if_it_was_resting(
    monkeypatch: pytest.MonkeyPatch, expect_log: ExpectLog
) -> None:
    monkeypatch.setattr(accepting, "REST_SECONDS", 0.01)
    expect_log("new connections have to wait")
    gate = Gate()
    gate.listening.full = True
    gate.come(1)
    await until(lambda: gate.listening.asked > 0)
    gate.acceptor.stop()
    gate.acceptor.stop()
    gate.listening.full = False
    await asyncio.sleep(0.05)
    assert gate.taken == []
    gate.close()
