"""Accepting: a few at a time, and no storm when the process has no room."""

import asyncio
import errno
import socket
from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import ExpectLog
from tests.fakes import until
from tornadochat.http import accepting, refusing
from tornadochat.http.accepting import PER_TURN, Acceptor
from tornadochat.places import Full, Places


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

    def __init__(self, places: Places | None = None) -> None:
        self.listening = Listening()
        self.listening.setblocking(False)
        self.listening.bind(("127.0.0.1", 0))
        self.listening.listen(100)
        self.taken: list[socket.socket] = []
        self.coming: list[socket.socket] = []
        self.acceptor = Acceptor(self.listening, lambda connection, _: self.taken.append(connection), places)

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


async def soon(condition: Callable[[], bool]) -> None:
    """Waits for a condition for some seconds."""
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.002)


def answer(client: socket.socket) -> bytes:
    """What a client that has sent a request is told."""
    client.settimeout(2)
    client.sendall(b"GET / HTTP/1.1\r\nHost: chat\r\n\r\n")
    return client.recv(1000)


@pytest.mark.gen_test
async def test_beyond_the_places_connections_are_answered_and_closed(expect_log: ExpectLog) -> None:
    expect_log("connections are refused: as many are open as limits.connections")
    places = Places(3)
    gate = Gate(places)
    gate.come(5)
    await soon(lambda: places.refused[Full.connections] == 2)
    assert len(gate.taken) == places.taken == 3
    said = await asyncio.gather(*(asyncio.to_thread(answer, client) for client in gate.coming[3:]))
    assert all(text.startswith(b"HTTP/1.1 503 Too many connections\r\nRetry-After: 10\r\n") for text in said)
    gate.taken.pop().close()
    gate.come(1)
    await soon(lambda: len(gate.taken) == 3)
    gate.close()


@pytest.mark.gen_test
async def test_one_address_is_refused_while_others_have_places(expect_log: ExpectLog) -> None:
    expect_log("connections are refused: one address")
    places = Places(100, 2)
    gate = Gate(places)
    gate.come(3)
    await soon(lambda: places.refused[Full.connections_per_address] == 1)
    (said,) = await asyncio.gather(asyncio.to_thread(answer, gate.coming[2]))
    assert said.startswith(b"HTTP/1.1 429 Too many connections from this address\r\n")
    gate.close()


@pytest.mark.gen_test
async def test_switched_off_everybody_is_taken() -> None:
    gate = Gate(Places(None, None))
    gate.come(50)
    await soon(lambda: len(gate.taken) == 50)
    gate.close()


@pytest.mark.gen_test(timeout=20)
async def test_a_crowd_of_refused_costs_few_turns_and_few_descriptors(expect_log: ExpectLog) -> None:
    expect_log("connections are refused")
    places = Places(0)
    gate = Gate(places)
    started = asyncio.get_running_loop().time()
    gate.come(100)
    await soon(lambda: places.refused[Full.connections] == 100)
    assert len(gate.acceptor._refuse._parting) <= refusing.PARTING
    # Two dozen rests at least: without them it would be a matter of milliseconds.
    assert asyncio.get_running_loop().time() - started > 24 * accepting.FULL_SECONDS
    gate.close()


@pytest.mark.gen_test(timeout=20)
async def test_who_was_refused_is_cut_off_after_a_moment(
    monkeypatch: pytest.MonkeyPatch, expect_log: ExpectLog
) -> None:
    monkeypatch.setattr(refusing, "PARTING_SECONDS", 0.05)
    expect_log("connections are refused")
    gate = Gate(Places(0))
    gate.come(3)
    await soon(lambda: len(gate.acceptor._refuse._parting) == 3)
    await soon(lambda: not gate.acceptor._refuse._parting)
    gate.close()
