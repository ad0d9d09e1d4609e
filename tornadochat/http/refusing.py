"""Refusing a connection for next to nothing: no request is read, and the answer is always the same."""

import asyncio
import socket
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Final

from tornadochat.places import RETRY_SECONDS, STATUS, Full

PARTING: Final = 8
"""How many of the refused are kept for a moment; the descriptors of these are set aside (`capacity`)."""
PARTING_SECONDS: Final = 1.0


def _answer(bound: Full) -> bytes:
    status, reason = STATUS[bound]
    return (
        f"HTTP/1.1 {status} {reason}\r\nRetry-After: {RETRY_SECONDS}\r\nConnection: close\r\n"
        "Content-Length: 0\r\n\r\n"
    ).encode()


_ANSWERS: Final[Mapping[Full, bytes]] = MappingProxyType({bound: _answer(bound) for bound in Full})


class Refusing:
    """Turns connections away."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._parting: deque[tuple[float, socket.socket]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def __call__(self, connection: socket.socket, bound: Full) -> None:
        """Says why, as far as the kernel takes it at once, and closes."""
        connection.setblocking(False)
        with suppress(OSError):
            connection.send(_ANSWERS[bound])
            connection.shutdown(socket.SHUT_WR)
        # Closed at once, on a request that nobody has read, it would be reset, and the answer lost.
        self._parting.append((self._loop.time() + PARTING_SECONDS, connection))
        if len(self._parting) > PARTING:
            self._parting.popleft()[1].close()
        if self._timer is None:
            self._timer = self._loop.call_later(PARTING_SECONDS, self._part)

    def _part(self) -> None:
        self._timer = None
        while self._parting and self._parting[0][0] <= self._loop.time():
            self._parting.popleft()[1].close()
        if self._parting:
            self._timer = self._loop.call_at(self._parting[0][0], self._part)

    def close(self) -> None:
        """Keeps nobody any longer."""
        if self._timer is not None:
            self._timer.cancel()
        while self._parting:
            self._parting.popleft()[1].close()
