"""The server's pings of one connection (Engine.IO protocol v4, "Heartbeat")."""

import asyncio
from collections.abc import Callable


class Heartbeat:
    """A ping every `interval` seconds, each to be answered within `timeout`; one timer handle, no task."""

    def __init__(
        self, interval: float, timeout: float, ping: Callable[[], None], dead: Callable[[], None]
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._interval = interval
        self._timeout = timeout
        self._ping = ping
        self._dead = dead
        self._handle: asyncio.TimerHandle | None = None
        self._awaiting = False
        self.held = False
        """While the server itself holds reading back, a pong may have come that nobody has read."""

    def start(self) -> None:
        """Count from now on."""
        self.stop()
        self._handle = self._loop.call_later(self._interval, self._send)

    def stop(self) -> None:
        """Count no more."""
        self._awaiting = False
        if self._handle is not None:
            self._handle.cancel()

    def pong(self) -> None:
        """A pong has come. One that nobody asked for proves nothing about what was asked."""
        if self._awaiting:
            self.start()

    def _send(self) -> None:
        self._awaiting = True
        # Counted from when the ping was due: lateness of ours must not add up.
        due = self._handle.when() if self._handle is not None else self._loop.time()
        self._handle = self._loop.call_at(due + self._timeout, self._expire)
        self._ping()

    def _expire(self) -> None:
        if self.held:
            self._handle = self._loop.call_later(self._timeout, self._expire)
        else:
            self._dead()
