"""Accepting connections: few at a time, and none beyond the bounds.

Everybody comes back at once after a restart. Tornado takes up to 128 connections between two turns of
the loop, and each of them then has work for several turns; those who are connected would wait for all
of it. What is not taken yet waits in the kernel's queue, where it costs nothing.

Where there is no place, connections are refused (`refusing`). While that is because there is none for
anybody, only `PER_TURN` are refused between two rests: a crowd that comes again and again costs little.
"""

import asyncio
import errno
import logging
import socket
from collections.abc import Callable
from typing import Any, Final

from tornado.ioloop import IOLoop

from tornadochat.http.refusing import Refusing
from tornadochat.http.seated import Seated
from tornadochat.places import Full, Places, Seldom

PER_TURN: Final = 4  # connections accepted between two turns of the loop
REST_SECONDS: Final = 0.5  # between two attempts while the system refuses
FULL_SECONDS: Final = 0.02  # between two turns in which there is no place for anybody

_NO_ROOM: Final = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))

_log: Final = logging.getLogger(__name__)

Take = Callable[[socket.socket, Any], None]


class Acceptor:
    """Accepts from one listening socket until it is stopped; the socket stays its owner's."""

    def __init__(self, listening: socket.socket, take: Take, places: Places | None = None) -> None:
        """`take` is given each connection that has a place, and its address."""
        # Not the running one: servers are given their sockets before the loop runs, too.
        current: Any = IOLoop.current()
        self._loop: asyncio.AbstractEventLoop = current.asyncio_loop
        self._listening = listening
        self._take = take
        self._places = places or Places()
        self._refuse = Refusing(self._loop)
        self._resting: asyncio.TimerHandle | None = None
        self._due = Seldom(self._loop.time)
        self._loop.add_reader(listening, self._accept)

    def stop(self) -> None:
        """Accepts no more. Idempotent."""
        if self._resting is not None:
            self._resting.cancel()
        self._refuse.close()
        self._loop.remove_reader(self._listening)

    def _accept(self) -> None:
        bound = None
        for _ in range(PER_TURN):
            try:
                connection, address = self._listening.accept()
            except BlockingIOError:
                break
            except OSError as failure:
                if failure.errno not in _NO_ROOM:
                    # Whoever was waiting has gone; Linux tells it here (accept(2), "Error handling").
                    continue
                if self._due("room"):
                    _log.error("new connections have to wait: %s", failure.strerror)
                # The socket stays readable: without a rest the loop would do nothing but try again.
                self._rest(REST_SECONDS)
                return
            bound = self._admit(connection, address)
        if bound is Full.connections:
            self._rest(FULL_SECONDS)

    def _admit(self, connection: socket.socket, address: Any) -> Full | None:
        # The address of a Unix socket is no pair.
        host = address[0] if isinstance(address, tuple) else ""
        bound = self._places.refuse(host)
        if bound is None:
            self._take(Seated(self._places, host, connection), address)
        else:
            self._refuse(connection, bound)
        return bound

    def _rest(self, seconds: float) -> None:
        self._loop.remove_reader(self._listening)
        self._resting = self._loop.call_later(seconds, self._go_on)

    def _go_on(self) -> None:
        self._resting = None
        self._loop.add_reader(self._listening, self._accept)
