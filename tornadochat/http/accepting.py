"""Accepting connections: few at a time, and none while the process has no room for more.

Everybody comes back at once after a restart. Tornado takes up to 128 connections between two turns of
the loop, and each of them then has work for several turns; those who are connected would wait for all
of it. What is not taken yet waits in the kernel's queue, where it costs nothing.
"""

import asyncio
import errno
import logging
import socket
from collections.abc import Callable
from typing import Any, Final

from tornado.ioloop import IOLoop

PER_TURN: Final = 4  # connections accepted between two turns of the loop
REST_SECONDS: Final = 0.5  # between two attempts while the system refuses
TELL_SECONDS: Final = 60.0  # between two lines of the log about that

_NO_ROOM: Final = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))

_log: Final = logging.getLogger(__name__)

Take = Callable[[socket.socket, Any], None]


class Acceptor:
    """Accepts from one listening socket until it is stopped; the socket stays its owner's."""

    def __init__(self, listening: socket.socket, take: Take) -> None:
        """`take` is given each connection and its address."""
        # Not the running one: servers are given their sockets before the loop runs, too.
        current: Any = IOLoop.current()
        self._loop: asyncio.AbstractEventLoop = current.asyncio_loop
        self._listening = listening
        self._take = take
        self._resting: asyncio.TimerHandle | None = None
        self._told = -TELL_SECONDS
        self._loop.add_reader(listening, self._accept)

    def stop(self) -> None:
        """Accepts no more. Idempotent."""
        if self._resting is not None:
            self._resting.cancel()
        self._loop.remove_reader(self._listening)

    def _accept(self) -> None:
        for _ in range(PER_TURN):
            try:
                connection, address = self._listening.accept()
            except BlockingIOError:
                return
            except OSError as failure:
                if failure.errno not in _NO_ROOM:
                    # Whoever was waiting has gone; Linux tells it here (accept(2), "Error handling").
                    continue
                # The socket stays readable: without a rest the loop would do nothing but try again.
                self._rest(failure)
                return
            self._take(connection, address)

    def _rest(self, failure: OSError) -> None:
        self._loop.remove_reader(self._listening)
        self._resting = self._loop.call_later(REST_SECONDS, self._go_on)
        if self._loop.time() - self._told >= TELL_SECONDS:
            self._told = self._loop.time()
            _log.error("new connections have to wait: %s", failure.strerror)

    def _go_on(self) -> None:
        self._resting = None
        self._loop.add_reader(self._listening, self._accept)
